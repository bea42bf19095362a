// WAL records whose replay works on directories that are named by their path, which lie elsewhere in a copy.
#pragma once

#include <optional>
#include <string>

#include "postgres/wal/record.h"

namespace spendsync::postgres {

/// Such a record (commands/tablespace.h, commands/dbcommands_xlog.h).
struct PathRecord {
  enum class Kind {
    tablespace_created,  // replay removes the link that stands there and links to the location of the source
    tablespace_dropped,  // replay removes the link and what is behind it
    database_copied,     // replay copies a directory as it is then; ALTER DATABASE SET TABLESPACE is logged as one too
  } kind = Kind::tablespace_created;
  Lsn position;  // where it begins
  uint32_t tablespace = 0;
  uint32_t database = 0;         // of a copied one
  uint32_t from_tablespace = 0;  // of a copied one: where its source lies
  uint32_t from_database = 0;
  std::string location;           // of a created tablespace; empty: in place
  std::string to_string() const;  // "CREATE TABLESPACE of 16500 (/mnt/fast) at 0/3000148"
};

/// nullopt: the record is none of these. CREATE DATABASE that logs its blocks (15+, strategy wal_log) is none.
/// `scratch` is for its memory. Errors: corrupt when a record with a right CRC does not hold what it must.
Result<std::optional<PathRecord>> path_record_of(const WalRecord& record, int major_version,
                                                 WalRecordContents& scratch);

}  // namespace spendsync::postgres
