// Looks through a backup's own WAL for records that no restore could replay: see postgres/wal/path_record.h.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "postgres/wal/path_record.h"
#include "postgres/wal/record_reader.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

/// Replay of such a record between start and stop removes the links that a restore has made, or copies from a place
/// that the copy does not have: a backup with one in it cannot be recovered, however its files were copied.
/// May be asked again as WAL grows; what was read is not read again, up to a segment. One thread at a time.
/// Memory: a segment, and one record.
class PathRecordSearch {
 public:
  struct Settings {
    WalPosition start;  // of the backup
    uint32_t segment_size = 0;
    int major_version = 0;
    SystemIdentifier system_identifier;
    std::string wal_directory;  // the server's pg_wal, which is read first
  };
  explicit PathRecordSearch(Settings settings) : settings_(std::move(settings)), position_(settings_.start.lsn) {}

  WalPosition start() const { return settings_.start; }
  /// What there is until now: up to `until`, or to the first segment that is not in pg_wal any more (or yet). The first
  /// such record. Errors: cancelled; corrupt for a record that cannot be read.
  Result<std::optional<postgres::PathRecord>> look(Lsn until, std::stop_token stop);
  /// All of it up to `until`; segments that are gone from pg_wal are read from the repository.
  /// Errors: those of look(); not_found and corrupt where WAL lacks a segment or ends before `until`.
  Result<std::optional<postgres::PathRecord>> prove(repository::WalArchive& archive, Lsn until, std::stop_token stop);

 private:
  Result<void> read(Lsn until, repository::WalArchive* archive, std::stop_token stop);
  Result<bool> feed(SegmentName name, repository::WalArchive* archive, postgres::WalRecordReader& reader);

  Settings settings_;
  Lsn position_;  // up to here every record was seen
  std::optional<postgres::PathRecord> found_;
  postgres::WalRecordContents scratch_;
};

}  // namespace spendsync::wal
