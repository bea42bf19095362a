// The steps of database_backup.h, which are told in files of their own, a phase each: database_backup_check.cc,
// _begin.cc, _copy.cc, _recoverable.cc, _wal.cc, _commit.cc. For these files only.
#pragma once

#include <sys/stat.h>

#include <mutex>

#include "backup/captured_copy.h"
#include "backup/database_backup.h"
#include "backup/incremental_base.h"
#include "backup/server_check.h"
#include "wal/changes/path_record_search.h"

namespace spendsync::backup {

// What the steps of one backup hand on to each other.
class DatabaseBackup::Steps {
 public:
  Steps(const Settings& settings, const Collaborators& collaborators, std::stop_token stop)
      : settings_(settings), collaborators_(collaborators), stop_(std::move(stop)) {}

  Result<DatabaseBackupReport> run() {
    auto begun = clock().monotonic();
    TRY(check_server_and_files());
    TRY(open_repository());
    TRY(expect_same_history());
    TRY(choose_base());
    TRY(reserve());
    TRY(copy_until_recoverable());
    TRY(commit());
    report_.duration = clock().monotonic() - begun;
    return std::move(report_);
  }

 private:
  Result<void> check_server_and_files();
  Result<void> check_captured_files();
  Result<void> count_data_directory();
  void warn_of_configuration_outside();
  Result<void> open_repository();
  Result<void> check_space();
  Result<void> expect_same_history();
  Result<void> choose_base();
  Result<void> reserve();
  Result<void> copy_until_recoverable();
  Result<void> copy_from_start_to_stop();
  Result<void> give_up_start();
  Result<void> expect_newer_start(const postgres::PathRecord& record) const;
  Error cannot_be_replayed(const postgres::PathRecord& record) const;
  Result<bool> is_replayable_so_far();
  Result<bool> is_replayable_to_stop();
  Result<void> begin();
  Result<void> begin_run();
  Result<repository::LockDomain> lock_domain();
  repository::BackupRun::Settings run_settings() const;
  Result<void> ask_wal_for_changes();
  std::string why_not_by_wal() const;
  Result<void> create_copier();
  Result<void> copy_files();
  Result<void> feed_data_directory(const FileCopier::Add& add);
  void remember_tablespace(const postgres::DirectoryEntry& found);
  Result<void> copy_control_file();
  Result<void> stop_server_backup();
  Result<void> bring_wal();
  Result<void> deliver_wal(repository::WalArchive& archive);
  Result<void> expect_one_timeline() const;
  Result<void> look_at_logs_since_full(repository::WalArchive& archive);
  Result<void> commit();
  Result<Lsn> newest_lsn();
  repository::ManifestSummary summary(const CopyStats& stats) const;
  void fill_report(const repository::ManifestSummary& summary, const CopyStats& stats);

  FileCopier::Notices copier_notices();
  void warn(std::string text);
  void notice(std::string text);
  const Clock& clock() const { return collaborators_.repository.clock; }
  Log& log() { return collaborators_.repository.log; }
  Progress& progress() { return collaborators_.progress; }

  const Settings& settings_;
  const Collaborators& collaborators_;
  std::stop_token stop_;
  DatabaseBackupReport report_;

  std::optional<postgres::Connection> control_;
  std::mutex control_mutex_;  // while workers copy, they may ask it for the end of WAL
  std::optional<CheckedServer> server_;
  std::optional<CapturedFiles> captured_;
  uint64_t expected_bytes_ = 0;
  uint64_t expected_files_ = 0;
  ProblemList skipped_at_check_;
  ProblemList skipped_;
  ProblemList unreadable_;
  Fd data_directory_;
  struct stat data_directory_status_ {};

  // In this order: the session ends before the copier goes, and that before the run that it writes to.
  std::unique_ptr<repository::Repository> repository_;
  IncrementalBase base_;
  std::optional<postgres::WalChangeSet> changes_;  // since the full; empty: compare everything
  std::unique_ptr<repository::BackupRun> run_;
  std::unique_ptr<FileCopier> copier_;
  std::optional<postgres::BackupSession> session_;
  Timestamp started_;
  postgres::BackupSession::Stopped stopped_;
  std::vector<repository::TablespaceRecord> tablespaces_;  // that the walk met
  std::optional<wal::PathRecordSearch> path_records_;      // since the start
  std::optional<postgres::PathRecord> in_the_way_;         // found by it
};

}  // namespace spendsync::backup
