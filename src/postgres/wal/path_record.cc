#include "postgres/wal/path_record.h"

#include <fmt/format.h>

#include "postgres/wal/transaction_record.h"

namespace spendsync::postgres {

namespace {

constexpr uint8_t kTablespaceCreate = 0x00;
constexpr uint8_t kTablespaceDrop = 0x10;
constexpr uint8_t kDatabaseCopied = 0x00;  // XLOG_DBASE_CREATE, since 15 XLOG_DBASE_CREATE_FILE_COPY

Error malformed(const WalRecord& record, std::string_view what) {
  return Error(ErrorKind::corrupt, fmt::format("WAL record at {} is malformed: {}", record.start.to_string(), what));
}

}  // namespace

std::string PathRecord::to_string() const {
  switch (kind) {
    case Kind::tablespace_created:
      return fmt::format("CREATE TABLESPACE of {}{} at {}", tablespace,
                         location.empty() ? "" : fmt::format(" ({})", location), position.to_string());
    case Kind::tablespace_dropped:
      return fmt::format("DROP TABLESPACE of {} at {}", tablespace, position.to_string());
    case Kind::database_copied:
      break;
  }
  return fmt::format("a copy of the files of database {} ({}) at {}", from_database,
                     from_database == database ? "ALTER DATABASE SET TABLESPACE" : "CREATE DATABASE",
                     position.to_string());
}

Result<std::optional<PathRecord>> path_record_of(const WalRecord& record, int major_version,
                                                 WalRecordContents& scratch) {
  bool of_tablespace = record.resource_manager == kTablespaceResource &&
                       (record.type() == kTablespaceCreate || record.type() == kTablespaceDrop);
  bool of_database = record.resource_manager == kDatabaseResource && record.type() == kDatabaseCopied;
  if (!of_tablespace && !of_database) return std::optional<PathRecord>();
  TRY(decode_record(record, major_version, scratch));
  RecordFields fields(scratch.main_data);
  PathRecord found;
  found.position = record.start;
  if (of_database) {
    found.kind = PathRecord::Kind::database_copied;
    auto database = fields.take<uint32_t>();
    auto tablespace = fields.take<uint32_t>();
    auto from_database = fields.take<uint32_t>();
    auto from_tablespace = fields.take<uint32_t>();
    if (!from_tablespace) return malformed(record, "it names no database");
    found.database = *database;
    found.tablespace = *tablespace;
    found.from_database = *from_database;
    found.from_tablespace = *from_tablespace;
    return std::optional(std::move(found));
  }
  auto tablespace = fields.take<uint32_t>();
  if (!tablespace) return malformed(record, "it names no tablespace");
  found.tablespace = *tablespace;
  found.kind = PathRecord::Kind::tablespace_dropped;
  if (record.type() == kTablespaceDrop) return std::optional(std::move(found));
  found.kind = PathRecord::Kind::tablespace_created;
  auto text = as_text(fields.rest());
  found.location = std::string(text.substr(0, text.find('\0')));
  return std::optional(std::move(found));
}

}  // namespace spendsync::postgres
