#include <fmt/format.h>

#include <algorithm>

#include "backup/database_backup_steps.h"
#include "backup/run_lock.h"
#include "base/time.h"
#include "postgres/sql_values.h"
#include "wal/changes/changed_since.h"

namespace spendsync::backup {

namespace {

/// What is in an open pack is lost when a run is interrupted: small databases get small packs, so that a resumed run
/// has little to send again, and large ones the size that stores like best.
uint64_t pack_size_for(uint64_t bytes) {
  constexpr uint64_t kSmallest = 4u << 20;
  constexpr uint64_t kLargest = 64u << 20;
  return std::clamp(bytes / 256, kSmallest, kLargest);
}

}  // namespace

repository::BackupRun::Settings DatabaseBackup::Steps::run_settings() const {
  repository::BackupRun::Settings settings;
  settings.type = base_.files ? BackupType::incremental : BackupType::full;
  if (base_.files) settings.parent = base_.files->summary().label;
  settings.workers = settings_.workers;
  settings.compression = settings_.compression;
  settings.pack_size = pack_size_for(expected_bytes_);
  settings.host = settings_.host;
  settings.tool_version = settings_.tool_version;
  return settings;
}

Result<repository::LockDomain> DatabaseBackup::Steps::lock_domain() {
  auto rows = TRY(control_->query("SELECT current_database()", {}, stop_));
  auto row = TRY(postgres::RowReader::single(rows, 1));
  auto database = TRY(row.text());
  return repository::LockDomain{settings_.host, server_->info.data_directory, std::move(database)};
}

/// The lock tells the next run that this one lives.
Result<void> DatabaseBackup::Steps::begin_run() {
  RunLock::Settings lock_settings;
  lock_settings.cluster = settings_.cluster;
  lock_settings.domain = TRY(lock_domain());
  lock_settings.wait = settings_.resume_lock_wait;
  RunLock lock(std::move(lock_settings), *control_, stop_);
  const auto run_settings = [&] {
    auto settings = this->run_settings();
    settings.lock = lock.domain();
    return settings;
  };
  TRY(lock.enter());
  std::optional<repository::InterruptedRun> interrupted;
  if (settings_.resume && !base_.files) {
    interrupted = TRY(take_interrupted_run(*repository_, lock, settings_.resume_age_max, log(), stop_));
  }
  if (!interrupted) {
    run_ = TRY(repository::BackupRun::begin(*repository_, run_settings(), stop_));
    TRY(lock.hold(run_->label()));
    return lock.leave();
  }
  auto text = fmt::format("taking up {} again, interrupted on {}: {} that were sent need not be sent again",
                          interrupted->start().label.text(), interrupted->start().host,
                          format_bytes(interrupted->stored_bytes()));
  run_ = TRY(repository::BackupRun::resume(*repository_, run_settings(), *std::move(interrupted), stop_));
  report_.resumed = true;
  notice(std::move(text));
  return lock.leave();
}

Result<void> DatabaseBackup::Steps::begin() {
  if (!run_) TRY(begin_run());
  log().info(fmt::format("backup {} begins", run_->label().text()));
  progress().begin_phase("waiting for the checkpoint", 0);
  auto connection = TRY(postgres::Connection::open(settings_.connection));
  session_ = TRY(postgres::BackupSession::start(
      std::move(connection), {"spendsync-backup " + run_->label().text(), settings_.fast_checkpoint}, stop_));
  if (session_->on_standby() != server_->info.in_recovery) {
    return Error(ErrorKind::conflict, "the standby was promoted while the backup began").with_hint("run it again");
  }
  started_ = session_->started();
  const auto& info = server_->info;
  path_records_.emplace(wal::PathRecordSearch::Settings{{session_->timeline(), session_->start_lsn()},
                                                        info.wal_segment_size,
                                                        server_->major(),
                                                        info.system_identifier,
                                                        info.data_directory + "/pg_wal"});
  TRY(ask_wal_for_changes());
  return create_copier();
}

/// What is not told is found by comparing every page, as without it.
Result<void> DatabaseBackup::Steps::ask_wal_for_changes() {
  if (!base_.files || !settings_.changes_from_wal) return {};
  progress().begin_phase("reading change maps", 0);
  auto why_not = why_not_by_wal();
  if (why_not.empty()) {
    const auto& info = server_->info;
    repository::WalArchive archive(*repository_, {settings_.compression});
    auto found = TRY(wal::find_changes(archive,
                                       {.from = base_.files->summary().start,
                                        .full_stop = base_.files->summary().stop.lsn,
                                        .until = session_->start_lsn(),
                                        .segment_size = info.wal_segment_size,
                                        .major_version = server_->major(),
                                        .system_identifier = info.system_identifier,
                                        .wal_directory = info.data_directory + "/pg_wal",
                                        .local_bytes_max = std::max<uint64_t>(expected_bytes_, 1u << 30)},
                                       stop_));
    log().debug("change maps",
                {{"maps", std::to_string(found.maps)}, {"segments", std::to_string(found.segments_read)}});
    changes_ = std::move(found.changes);
    why_not = std::move(found.why_not);
  }
  report_.found_by_wal = changes_.has_value();
  if (!changes_) notice("every page is compared, as WAL does not tell what changed: " + why_not);
  return {};
}

std::string DatabaseBackup::Steps::why_not_by_wal() const {
  const auto& full = base_.files->summary();
  if (!base_.doubts.empty()) return base_.doubts.front();
  if (full.start.timeline != full.stop.timeline) return "the full went over a timeline switch";
  if (full.from_standby) return "the full was taken from a standby";
  if (server_->info.in_recovery) return "the server is a standby";
  return {};
}

}  // namespace spendsync::backup
