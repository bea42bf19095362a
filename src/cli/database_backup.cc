// spendsync-backup backup full | incremental
#include "backup/database_backup.h"

#include <fmt/format.h>

#include "base/io_priority.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/expire.h"
#include "cli/host_name.h"
#include "cli/page_failures.h"

namespace spendsync::cli {
namespace {

using backup::DatabaseBackup;
using backup::DatabaseBackupReport;

DatabaseBackup::Settings settings_of(const Wiring& wiring, const BackupOptions& options, BackupType type) {
  const auto& config = wiring.config();
  DatabaseBackup::Settings settings;
  settings.type = type;
  settings.connection = wiring.connection();
  settings.cluster = config.cluster;
  settings.state_directory = wiring.state_directory();
  settings.slot = config.database.slot;
  for (const auto& set : config.files) settings.file_sets.push_back({set.name, set.paths});
  for (const auto& [path, why] : wiring.own_files()) settings.left_out.push_back({path, why});
  settings.skip_unreadable = options.skip_unreadable;
  settings.resume = !options.no_resume;
  settings.workers = wiring.workers(options.workers);
  settings.compression = wiring.compression();
  settings.changes_from_wal = wiring.makes_change_maps();
  settings.host = host_name();
  settings.tool_version = SSB_VERSION;
  return settings;
}

void print_page_failures(const Output& output, const DatabaseBackupReport& report) {
  for (const auto& line : page_failure_lines(report.page_failure_files)) {
    output.line("  damaged at the source: " + line);
  }
}

void print(const Output& output, const DatabaseBackupReport& report, const TimeZone& zone) {
  const auto seconds = std::chrono::duration_cast<std::chrono::microseconds>(report.duration);
  output.line(fmt::format("{}  {} -> {} stored, {} files, in {}", report.label.text(),
                          format_bytes(report.source_bytes), format_bytes(report.stored_bytes), report.files,
                          format_duration(seconds)));
  if (report.parent) {
    const auto by_maps = report.found_by_wal ? "; WAL told what has changed" : "";
    output.remark(fmt::format("{} of it is kept from {}; {} files, {} in all, were known to be unchanged unread{}",
                              format_bytes(report.kept_bytes), report.parent->text(), report.unread_files,
                              format_bytes(report.unread_bytes), by_maps));
  }
  output.remark(fmt::format("restorable from {} ({}), WAL {} to {} on timeline {}", format_utc(report.restorable_from),
                            zone.format_local(report.restorable_from), report.start.lsn.to_string(),
                            report.stop.lsn.to_string(), report.stop.timeline.value));
  if (report.resumed) {
    output.remark(fmt::format("taken up again: {} of what is stored had been sent before the interruption",
                              format_bytes(report.reused_bytes)));
  }
  for (const auto& set : report.captured_sets) {
    output.remark(fmt::format("captured {}: {} files, {}", set.name, set.files, format_bytes(set.bytes)));
  }
  if (report.page_failures > 0) {
    output.line(fmt::format("warning: {} page(s) do not match their checksum; the backup holds them as they are",
                            report.page_failures));
    print_page_failures(output, report);
  }
  for (const auto& reason : report.incomplete) output.line("incomplete: not inside: " + reason);
}

Json strings(const std::vector<std::string>& texts) {
  Json array = Json::array();
  for (const auto& text : texts) array.push(text);
  return array;
}

Json to_json(const DatabaseBackupReport& report) {
  Json json;
  json.set("label", report.label.text()).set("system_identifier", report.system_identifier.to_string());
  json.set("started", format_utc(report.started)).set("stopped", format_utc(report.stopped));
  json.set("restorable_from", format_utc(report.restorable_from));
  json.set("duration_seconds", std::chrono::duration<double>(report.duration).count());
  json.set("start_lsn", report.start.lsn.to_string()).set("stop_lsn", report.stop.lsn.to_string());
  json.set("timeline", report.stop.timeline.value).set("source_bytes", report.source_bytes);
  json.set("type", to_string(report.label.type())).set("parent", report.parent ? Json(report.parent->text()) : Json());
  json.set("kept_bytes", report.kept_bytes).set("unread_files", report.unread_files);
  json.set("unread_bytes", report.unread_bytes).set("found_by_wal", report.found_by_wal);
  json.set("doubts", strings(report.doubts));
  json.set("resumed", report.resumed).set("reused_bytes", report.reused_bytes);
  json.set("stored_bytes", report.stored_bytes).set("files", report.files);
  json.set("wal_delivery", to_string(report.wal_delivery)).set("wal_segments", report.wal_segments);
  json.set("from_standby", report.from_standby);
  json.set("data_checksums", report.data_checksums).set("page_failures", report.page_failures);
  json.set("page_failure_files", page_failures_json(report.page_failure_files));
  json.set("skipped", strings(report.skipped)).set("incomplete", strings(report.incomplete));
  return json.set("warnings", strings(report.warnings)).set("notices", strings(report.notices));
}

}  // namespace

Result<int> run_database_backup(const Process& process, const BackupOptions& options, BackupType type) {
  const auto command = fmt::format("backup {}", to_string(type));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  wiring->limit_rates({.upload = wiring->upload_limit(options.throttle)});
  lower_io_priority(process.log);
  auto progress = process.output.progress(command);
  DatabaseBackup backup(settings_of(*wiring, options, type), {wiring->collaborators(), *progress});
  const auto report = TRY(backup.run(process.stop));
  progress->finish();
  print(process.output, report, wiring->config().schedules.timezone);
  const int code = report.complete() ? kDone : kIncomplete;
  auto summary = to_json(report);
  summary.set("expire", expire_after_backup(process, *wiring));
  process.output.summary(command, std::move(summary), code);
  return code;
}

}  // namespace spendsync::cli
