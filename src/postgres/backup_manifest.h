// PostgreSQL's own backup_manifest (manual: "Backup Manifest Format"): what pg_verifybackup reads (B17).
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/types.h"

namespace spendsync::postgres {

/// Writes the JSON as it goes: memory does not grow with the number of files. Version 1 for 13 to 16, 2 for 17 and 18.
class BackupManifestWriter {
 public:
  struct Settings {
    int major_version = 0;
    SystemIdentifier system_identifier;
    mode_t mode = 0600;  // 0640 where the group may read the data directory
  };
  /// Replaces a file of that name. Errors: as Error::from_errno.
  static Result<BackupManifestWriter> create(const std::string& path, Settings settings);
  BackupManifestWriter(BackupManifestWriter&&) noexcept;
  BackupManifestWriter& operator=(BackupManifestWriter&&) noexcept;
  ~BackupManifestWriter();
  /// `path` relative to the data directory; not UTF-8 becomes Encoded-Path.
  struct File {
    std::string path;
    uint64_t size = 0;
    Timestamp modified{};
    uint32_t crc32c = 0;
  };
  /// Only files, and not backup_manifest, pg_wal, postgresql.auto.conf, recovery.signal and standby.signal, which
  /// pg_verifybackup does not look for.
  Result<void> add(const File& file);
  struct WalRange {
    TimelineId timeline;
    Lsn begin;
    Lsn end;
  };
  /// Begin: the backup's start; end: where recovery is consistent. One a timeline, oldest first. pg_verifybackup reads
  /// exactly this WAL from pg_wal, unless told not to (--no-parse-wal).
  /// Writes WAL ranges and the SHA-256 over all before it, syncs the file.
  Result<void> finish(const std::vector<WalRange>& ranges);

 private:
  struct State;
  explicit BackupManifestWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::postgres
