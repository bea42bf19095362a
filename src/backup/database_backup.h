// `backup full` and `backup incremental`: server and captured files -> a backup.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "backup/captured_files.h"
#include "backup/file_copier.h"
#include "base/progress.h"
#include "postgres/backup_session.h"
#include "postgres/connection.h"
#include "repository/repository.h"
#include "wal/delivery.h"

namespace spendsync::backup {

/// All there is to say about a backup that was made.
struct DatabaseBackupReport {
  repository::Label label = repository::Label::make(Timestamp{}, BackupType::full);
  SystemIdentifier system_identifier;
  Timestamp started;  // the server's clock, as the next two
  Timestamp stopped;
  Timestamp restorable_from;             // the earliest moment that this backup can be recovered to
  std::chrono::nanoseconds duration{0};  // of the whole command
  WalPosition start;
  WalPosition stop;
  uint64_t source_bytes = 0;                // of all files
  uint64_t stored_bytes = 0;                // of the backup's packs
  std::optional<repository::Label> parent;  // of an incremental: its full
  uint64_t kept_bytes = 0;                  // of source_bytes, what the full holds
  uint64_t unread_files = 0;                // known to be the full's without reading them
  uint64_t unread_bytes = 0;                // of source_bytes, known to be the full's without reading them
  bool found_by_wal = false;                // WAL told which blocks changed
  std::vector<std::string> doubts;          // why every file was read all the same
  bool resumed = false;                     // an interrupted run was taken up again
  uint64_t reused_bytes = 0;                // of stored_bytes, what that run had sent
  uint64_t files = 0;
  uint64_t vanished = 0;  // files dropped by the server while it was backed up
  std::vector<repository::CapturedSet> captured_sets;
  bool from_standby = false;
  bool data_checksums = false;
  uint64_t page_failures = 0;  // pages
  std::vector<repository::PageFailures> page_failure_files;
  wal::DeliveryPath wal_delivery = wal::DeliveryPath::nothing_needed;
  uint64_t wal_segments = 0;            // from start to stop, also in the backup's own packs
  std::vector<std::string> skipped;     // "path: why": special files, the tool's own
  std::vector<std::string> incomplete;  // what was asked for and is not inside; empty: complete
  std::vector<std::string> warnings;
  std::vector<std::string> notices;
  bool complete() const { return incomplete.empty(); }
};

/// One backup. An incremental where there is no full yet becomes the full, and says so. run() is called once, from one
/// thread; it starts threads of its own and has joined them when it returns. Whatever happens, the server's backup mode
/// has ended by then, and a failed run has listed nothing. Memory: that of FileCopier and repository::BackupRun; it
/// does not grow with the cluster.
class DatabaseBackup {
 public:
  struct Settings {
    BackupType type = BackupType::full;  // or incremental
    postgres::Connection::Settings connection;
    std::string cluster;          // name in the repository
    std::string state_directory;  // empty: none
    std::string slot;             // physical replication slot, made when there is none
    std::vector<FileSet> file_sets;
    std::vector<LeftOutPath> left_out;
    bool skip_unreadable =
        false;  // captured files that cannot be read make the backup incomplete instead of failing it
    unsigned workers = 1;
    repository::Compressor::Settings compression;
    uint32_t frame_size = 256u << 10;           // bytes; a multiple of the server's page size
    std::chrono::seconds delivery_timeout{60};  // for WAL that others deliver
    bool fast_checkpoint = true;
    bool resume = true;                        // of a full: an unfinished one that nothing works on any more
    std::chrono::hours resume_age_max{48};     // older ones are left to expiry
    std::chrono::seconds resume_lock_wait{3};  // for the server to notice that the interrupted run's client has gone
    bool changes_from_wal = false;             // ask WAL what changed, and store change maps with it
    std::string host;
    std::string tool_version;
  };
  /// All of them outlive the backup.
  struct Collaborators {
    repository::Collaborators repository;
    Progress& progress;
  };
  DatabaseBackup(Settings settings, Collaborators collaborators);
  ~DatabaseBackup();

  /// Errors: refused, before anything was changed, when a captured path is missing or unreadable, the data
  /// directory is not this host's or not readable, or the repository belongs to another cluster; corrupt when an
  /// incremental's full is damaged;
  /// transient when server or store cannot be reached, or WAL did not arrive in time; exhausted; cancelled ...
  Result<DatabaseBackupReport> run(std::stop_token stop);

 private:
  class Steps;
  Settings settings_;
  Collaborators collaborators_;
};

}  // namespace spendsync::backup
