#include <fmt/format.h>

#include "backup/database_backup_steps.h"
#include "repository/interrupted_run.h"

namespace spendsync::backup {

/// A record between start and stop that no restore could replay is no fault of what was copied: another start point,
/// after that record, makes the same backup good, and what was sent is used again.
Result<void> DatabaseBackup::Steps::copy_until_recoverable() {
  constexpr int kStartsMax = 3;
  for (int starts = 1;; ++starts) {
    TRY(copy_from_start_to_stop());
    if (!in_the_way_) return {};
    auto record = *std::exchange(in_the_way_, std::nullopt);
    if (starts == kStartsMax) return cannot_be_replayed(record);
    notice(
        fmt::format("{} lies after the backup's start, and a restore could not replay it: the backup takes a new "
                    "start point and uses again what it has sent",
                    record.to_string()));
    TRY(give_up_start());
    TRY(begin());
    TRY(expect_newer_start(record));
  }
}

/// Ends early, with in_the_way_ set, where going on would be in vain.
Result<void> DatabaseBackup::Steps::copy_from_start_to_stop() {
  if (!session_) TRY(begin());
  bool replayable = TRY(is_replayable_so_far());
  if (!replayable) return {};
  TRY(copy_files());
  TRY(copy_control_file());
  replayable = TRY(is_replayable_so_far());
  if (!replayable) return {};
  TRY(stop_server_backup());
  TRY(bring_wal());
  TRY(is_replayable_to_stop());
  return {};
}

/// What the server has written since the start: cheap, and before the stop no WAL was delivered in vain.
Result<bool> DatabaseBackup::Steps::is_replayable_so_far() {
  auto until = TRY(newest_lsn());
  in_the_way_ = TRY(path_records_->look(until, stop_));
  return !in_the_way_;
}

/// The rest, now that all of it is in pg_wal or in the repository. What cannot be looked through is not listed.
Result<bool> DatabaseBackup::Steps::is_replayable_to_stop() {
  progress().begin_phase("looking through WAL", 0);
  const auto& info = server_->info;
  if (stopped_.start.timeline != path_records_->start().timeline) {  // a standby learned of it late
    path_records_.emplace(wal::PathRecordSearch::Settings{stopped_.start, info.wal_segment_size, server_->major(),
                                                          info.system_identifier, info.data_directory + "/pg_wal"});
  }
  repository::WalArchive archive(*repository_, {settings_.compression});
  in_the_way_ = TRY(path_records_->prove(archive, stopped_.stop.lsn, stop_));
  return !in_the_way_;
}

/// The run goes on under its label, as one that was interrupted.
Result<void> DatabaseBackup::Steps::give_up_start() {
  session_.reset();
  copier_.reset();
  auto label = run_->label();
  run_->abandon();
  run_.reset();
  auto settings = run_settings();
  settings.lock = TRY(lock_domain());
  auto interrupted = TRY(repository::InterruptedRun::open(*repository_, label, stop_));
  run_ = TRY(repository::BackupRun::resume(*repository_, std::move(settings), std::move(interrupted), stop_));
  skipped_ = skipped_at_check_;
  unreadable_ = ProblemList();
  report_.incomplete.clear();
  return {};
}

/// A standby starts where its last restartpoint began, which may lie before the record for some time yet.
Result<void> DatabaseBackup::Steps::expect_newer_start(const postgres::PathRecord& record) const {
  if (session_->start_lsn() > record.position) return {};
  auto error = cannot_be_replayed(record);
  return Error(error.kind(), error.message())
      .with_hint("run checkpoint on the primary, and the backup again when the standby has replayed it");
}

Error DatabaseBackup::Steps::cannot_be_replayed(const postgres::PathRecord& record) const {
  return Error(ErrorKind::conflict,
               fmt::format("{} lies between the backup's start and its end, and a restore could not replay it: the "
                           "backup is not listed",
                           record.to_string()))
      .with_hint("run it again when no tablespace is made or dropped and no database copied or moved");
}

}  // namespace spendsync::backup
