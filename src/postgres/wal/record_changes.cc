#include "postgres/wal/record_changes.h"

#include <fmt/format.h>

#include "postgres/wal/transaction_record.h"

namespace spendsync::postgres {

namespace {

constexpr uint8_t kMainFork = 0;

// catalog/storage_xlog.h
constexpr uint8_t kStorageCreate = 0x10;
constexpr uint8_t kStorageTruncate = 0x20;

// commands/dbcommands_xlog.h: 15 put "created by WAL" between the two.
constexpr uint8_t kDatabaseCopied = 0x00;
constexpr uint8_t kDatabaseDroppedBefore15 = 0x10;
constexpr uint8_t kDatabaseCreatedByWal = 0x10;
constexpr uint8_t kDatabaseDropped = 0x20;

// commands/tablespace.h
constexpr uint8_t kTablespaceCreate = 0x00;
constexpr uint8_t kTablespaceDrop = 0x10;

constexpr uint32_t kMinimalLevel = 0;             // WAL_LEVEL_MINIMAL, in every version
constexpr size_t kParametersBeforeLevel = 5 * 4;  // xl_parameter_change: max_* settings

/// What one record says, in the order in which its fields stand.
class ChangeReader {
 public:
  ChangeReader(const WalRecord& record, int major_version, ByteView main_data, WalChangeSet& changes)
      : record_(record), major_version_(major_version), fields_(main_data), changes_(changes) {}

  Result<void> read() {
    switch (record_.resource_manager) {
      case kXlogResource:
        return read_log_record();
      case kTransactionResource:
        return read_transaction_end();
      case kStorageResource:
        return read_storage_record();
      case kDatabaseResource:
        return read_database_record();
      case kTablespaceResource:
        return read_tablespace_record();
      default:
        return {};
    }
  }

 private:
  Result<void> read_log_record() {
    bool is_parameters = record_.is(XlogRecordType::parameter_change);
    bool is_redo = record_.is(XlogRecordType::checkpoint_redo) && major_version_ >= 17;
    if (!is_parameters && !is_redo) return {};
    if (is_parameters && !fields_.skip(kParametersBeforeLevel)) return malformed("it lacks wal_level");
    auto level = fields_.take<uint32_t>();
    if (!level) return malformed("it lacks wal_level");
    if (*level == kMinimalLevel) changes_.set_incomplete(UnloggedCause::minimal_level);
    return {};
  }

  Result<void> read_transaction_end() {
    uint8_t operation = record_.info & kTransactionOperationMask;
    bool ends =
        operation == kCommit || operation == kCommitPrepared || operation == kAbort || operation == kAbortPrepared;
    if (!ends || (record_.info & kHasInfo) == 0) return {};
    if (!fields_.skip(sizeof(int64_t))) return malformed("it has no time");
    auto info = fields_.take<uint32_t>();
    if (!info) return malformed("it has no flags");
    if ((*info & kHasRelations) == 0) return {};
    bool skipped = ((*info & kHasDatabase) == 0 || fields_.skip(kDatabaseSize)) &&
                   ((*info & kHasSubtransactions) == 0 || fields_.skip_array(kSubtransactionSize));
    auto count = skipped ? fields_.take<uint32_t>() : std::nullopt;
    if (!count) return malformed("its dropped relations are missing");
    for (uint32_t i = 0; i < *count; ++i) {
      auto place = take_place();
      if (!place) return malformed("its dropped relations are missing");
      changes_.add_relation(*place);
    }
    return {};
  }

  Result<void> read_storage_record() {
    if (record_.type() == kStorageCreate) {
      auto place = take_place();
      auto fork = fields_.take<uint32_t>();
      if (!place || !fork) return malformed("it names no relation");
      if (*fork == kMainFork) changes_.add_relation(*place);
      return {};
    }
    if (record_.type() == kStorageTruncate) {
      // Its flags say which forks; a relation whose maps alone are cut is compared as well, which costs little.
      auto block = fields_.take<uint32_t>();
      auto place = take_place();
      if (!block || !place) return malformed("it names no relation");
      changes_.add_relation(*place);
      return {};
    }
    return unknown();
  }

  Result<void> read_database_record() {
    uint8_t type = record_.type();
    bool since_15 = major_version_ >= 15;
    if (type == kDatabaseCopied || (since_15 && type == kDatabaseCreatedByWal)) {
      auto database = fields_.take<uint32_t>();
      auto tablespace = fields_.take<uint32_t>();
      if (!database || !tablespace) return malformed("it names no database");
      changes_.add_database(*tablespace, *database);
      return {};
    }
    if (type != (since_15 ? kDatabaseDropped : kDatabaseDroppedBefore15)) return unknown();
    auto database = fields_.take<uint32_t>();
    auto count = fields_.take<uint32_t>();
    if (!database || !count) return malformed("it names no database");
    for (uint32_t i = 0; i < *count; ++i) {
      auto tablespace = fields_.take<uint32_t>();
      if (!tablespace) return malformed("its tablespaces are missing");
      changes_.add_database(*tablespace, *database);
    }
    return {};
  }

  Result<void> read_tablespace_record() {
    if (record_.type() != kTablespaceCreate && record_.type() != kTablespaceDrop) return unknown();
    auto tablespace = fields_.take<uint32_t>();
    if (!tablespace) return malformed("it names no tablespace");
    changes_.add_tablespace(*tablespace);  // one that is created may have the number of one that was
    return {};
  }

  Result<void> unknown() {
    changes_.set_incomplete(UnloggedCause::unknown_record);
    return {};
  }

  std::optional<RelationPlace> take_place() {
    auto tablespace = fields_.take<uint32_t>();
    auto database = fields_.take<uint32_t>();
    auto relation = fields_.take<uint32_t>();
    if (!relation) return std::nullopt;
    return RelationPlace{*tablespace, *database, *relation};
  }

  Error malformed(std::string_view what) const {
    return Error(ErrorKind::corrupt, fmt::format("WAL record at {} is malformed: {}", record_.start.to_string(), what));
  }

  const WalRecord& record_;
  const int major_version_;
  RecordFields fields_;
  WalChangeSet& changes_;
};

}  // namespace

Result<void> add_changes(const WalRecord& record, int major_version, WalRecordContents& scratch,
                         WalChangeSet& changes) {
  if (record.is_cut) {
    changes.set_incomplete(UnloggedCause::long_record);
    return {};
  }
  TRY(decode_record(record, major_version, scratch));
  for (const auto& block : scratch.blocks) {
    if (block.fork != kMainFork) continue;
    changes.add_block({block.tablespace, block.database, block.relation}, block.block);
  }
  return ChangeReader(record, major_version, scratch.main_data, changes).read();
}

}  // namespace spendsync::postgres
