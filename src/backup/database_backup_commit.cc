#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backup/database_backup_steps.h"

namespace spendsync::backup {

Result<void> DatabaseBackup::Steps::commit() {
  progress().begin_phase("finishing", 0);
  auto stats = TRY(copier_->finish());
  if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the backup was complete");
  auto label = TRY(postgres::parse_backup_label(stopped_.backup_label));
  auto complete = summary(stats);
  complete.checkpoint = label.checkpoint_lsn;
  auto written = TRY(run_->commit(std::move(complete), {stopped_.backup_label, stopped_.tablespace_map}));
  fill_report(written, stats);
  if (stats.page_failures > 0) {
    const auto& first = stats.page_failure_files.front();
    warn(fmt::format("{} pages of the source are damaged, the first is block {} of {}; they were backed up as they are",
                     stats.page_failures, first.blocks.front(), first.path));
  }
  return {};
}

repository::ManifestSummary DatabaseBackup::Steps::summary(const CopyStats& stats) const {
  repository::ManifestSummary summary;
  const auto& info = server_->info;
  summary.started = started_;
  summary.stopped = stopped_.stopped;
  summary.start = stopped_.start;
  summary.stop = stopped_.stop;
  summary.page_size = info.page_size;
  summary.major_version = server_->major();
  summary.catalog_version = info.catalog_version;
  summary.server_version = server_->version_text;
  summary.data_checksums = info.data_checksums;
  summary.from_standby = info.in_recovery;
  summary.server_settings = recovery_facts(*server_);
  summary.page_failures = stats.page_failures;
  for (const auto& file : stats.page_failure_files) summary.page_failure_files.push_back({file.path, file.blocks});
  for (size_t set = 0; set < settings_.file_sets.size(); ++set) {
    auto count = set + 1 < stats.sets.size() ? stats.sets[set + 1] : CopyStats::SetCount();
    const auto& configured = settings_.file_sets[set];
    summary.captured_sets.push_back(
        {static_cast<uint32_t>(set + 1), configured.name, configured.paths, count.files, count.bytes});
  }
  summary.tablespaces = tablespaces_;
  summary.incomplete = report_.incomplete;
  if (!skipped_.empty()) summary.notes["not backed up"] = fmt::format("{}", fmt::join(skipped_.lines(), "\n"));
  return summary;
}

void DatabaseBackup::Steps::fill_report(const repository::ManifestSummary& summary, const CopyStats& stats) {
  report_.label = summary.label;
  report_.system_identifier = summary.system_identifier;
  report_.started = summary.started;
  report_.stopped = summary.stopped;
  report_.restorable_from = summary.stopped;
  report_.start = summary.start;
  report_.stop = summary.stop;
  report_.source_bytes = summary.source_bytes;
  report_.stored_bytes = summary.stored_bytes;
  report_.kept_bytes = stats.kept_bytes;
  report_.unread_files = stats.unread_files;
  report_.unread_bytes = stats.unread_bytes;
  report_.reused_bytes = run_->progress().reused_bytes;
  report_.files = summary.files;
  report_.vanished = stats.vanished;
  report_.captured_sets = summary.captured_sets;
  report_.from_standby = summary.from_standby;
  report_.data_checksums = summary.data_checksums;
  report_.page_failures = summary.page_failures;
  report_.page_failure_files = summary.page_failure_files;
  report_.skipped = skipped_.lines();
}

}  // namespace spendsync::backup
