#include <fmt/format.h>

#include <algorithm>

#include "backup/database_backup_steps.h"
#include "backup/wal_copy.h"
#include "wal/lineage.h"
#include "wal/range.h"

namespace spendsync::backup {

/// A backup of a server that was put back to an earlier state would be recovered with the WAL of the state that was
/// left.
Result<void> DatabaseBackup::Steps::expect_same_history() {
  const auto& info = server_->info;
  if (info.in_recovery) return {};
  repository::WalArchive archive(*repository_, {});
  wal::WalLineage lineage(
      {info.data_directory + "/pg_wal", info.wal_segment_size, server_->major(), info.system_identifier}, archive);
  return lineage.expect_same_history(*control_, info.timeline, stop_);
}

Result<void> DatabaseBackup::Steps::bring_wal() {
  const auto& info = server_->info;
  WalCopy copy({info.data_directory, stopped_.start, stopped_.stop, info.wal_segment_size, info.system_identifier,
                server_->major(), data_directory_status_.st_uid, data_directory_status_.st_gid});
  report_.wal_segments = copy.segments().size();
  progress().begin_phase("copying WAL", copy.bytes(), report_.wal_segments);
  TRY(copy.copy_local(*copier_, stop_));

  repository::WalArchive archive(*repository_, {settings_.compression});
  progress().begin_phase("delivering WAL", copy.bytes(), report_.wal_segments);
  TRY(deliver_wal(archive));
  TRY(copy.copy_missing(*copier_, archive, stop_));
  return look_at_logs_since_full(archive);
}

/// An incremental brings the transaction logs since its full along by reference: they are the repository's already.
Result<void> DatabaseBackup::Steps::look_at_logs_since_full(repository::WalArchive& archive) {
  if (!base_.files) return {};
  const auto& full = base_.files->summary();
  auto path = TRY(wal::WalPath::load(archive, stopped_.stop.timeline, server_->info.wal_segment_size));
  auto ranges = path.ranges(full.start, stopped_.stop.lsn);
  if (!ranges) {
    warn(fmt::format("the server's history does not go through {}: between it and this backup nothing can be recovered",
                     full.label.text()));
    return {};
  }
  auto missing = TRY(wal::missing_segments(archive, *ranges, server_->info.wal_segment_size));
  // On a standby the segment of the stop is not complete yet; the backup's own packs hold what is needed of it.
  auto last = SegmentName::ending_at(stopped_.stop.timeline, stopped_.stop.lsn, server_->info.wal_segment_size);
  std::erase_if(missing, [&](const SegmentRun& run) { return run.first == last && run.last == last; });
  for (const auto& run : missing) {
    warn(
        fmt::format("WAL since {} is missing: {} segment(s) from {}; this backup does not need them, recovery to a "
                    "moment between the two does",
                    full.label.text(), run.count(), run.first.file_name(server_->info.wal_segment_size)));
  }
  return {};
}

/// A standby cannot end a segment (B14), and its primary may be out of reach: of the segment in which the backup ended
/// the backup's own packs hold what recovery needs. All before it is complete, and goes into the repository.
Result<void> DatabaseBackup::Steps::deliver_wal(repository::WalArchive& archive) {
  const auto& info = server_->info;
  wal::WalDelivery::Settings settings;
  settings.connection = settings_.connection;
  settings.slot = settings_.slot;
  settings.segment_size = info.wal_segment_size;
  settings.major_version = server_->major();
  settings.system_identifier = info.system_identifier;
  settings.wal_directory = info.data_directory + "/pg_wal";
  settings.delivery_timeout = settings_.delivery_timeout;
  settings.change_maps = settings_.changes_from_wal;
  wal::WalDelivery delivery(std::move(settings), {archive, clock(), log(), progress()});
  auto until = stopped_.stop;
  if (info.in_recovery) {
    until.lsn.value -= until.lsn.value % info.wal_segment_size;
    notice(fmt::format("made on a standby: WAL from {} on is in this backup alone until its segment is complete",
                       until.lsn.to_string()));
    if (until.lsn <= stopped_.start.lsn) {
      TRY(delivery.store_histories(until.timeline, stop_));
      return {};
    }
  }
  auto outcome = TRY_CONTEXT(delivery.deliver_until(*control_, {stopped_.start, until}, stop_),
                             "bringing the backup's WAL into the repository");
  for (const auto& text : outcome.warnings) warn(text);
  report_.wal_delivery = outcome.path;
  return {};
}

}  // namespace spendsync::backup
