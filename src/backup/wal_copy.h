// The WAL from a backup's start to its stop, inside the backup itself: it then reaches consistency alone.
#pragma once

#include <mutex>
#include <vector>

#include "backup/file_copier.h"
#include "repository/wal_archive.h"

namespace spendsync::backup {

/// Segments become files `pg_wal/<segment>` of set 0, as does the timeline's history file. Taken from the server's
/// own pg_wal while the slot keeps them there; what is gone from there is read back from the repository.
class WalCopy {
 public:
  struct Settings {
    std::string data_directory;
    WalPosition start;
    WalPosition stop;
    uint32_t segment_size = 0;
    SystemIdentifier system_identifier;
    int major_version = 0;
    uint32_t uid = 0;  // the data directory's
    uint32_t gid = 0;
  };
  explicit WalCopy(Settings settings) : settings_(std::move(settings)) {}

  /// Names in order, both ends included.
  std::vector<SegmentName> segments() const;
  uint64_t bytes() const { return segments().size() * settings_.segment_size; }

  /// To be called after the server's stop, which has completed the last segment, and before the slot moves on.
  /// Errors: those of the copier. What is not there any more is kept for copy_missing.
  Result<void> copy_local(FileCopier& copier, std::stop_token stop);
  /// To be called when the repository holds all segments. Errors: those of the archive.
  Result<void> copy_missing(FileCopier& copier, repository::WalArchive& archive, std::stop_token stop);

 private:
  Result<Fd> read_segment(SegmentName name);
  Result<void> copy_history(FileCopier& copier);
  repository::FileEntry entry_of(const std::string& file_name) const;

  Settings settings_;
  std::mutex mutex_;                  // guards missing_ while workers read
  std::vector<SegmentName> missing_;  // in any order
  bool history_missing_ = false;
};

}  // namespace spendsync::backup
