#include "cli/screen/backup_screen.h"

#include <fmt/format.h>

#include "cli/screen/expire_screen.h"
#include "cli/screen/page_failures.h"

namespace spendsync::cli {

using backup::DatabaseBackupReport;
using backup::TransactionLogBackup;

namespace {

void print_page_failures(const Output& output, const DatabaseBackupReport& report) {
  for (const auto& line : page_failure_lines(report.page_failure_files)) {
    output.line("  damaged at the source: " + line);
  }
}

Json strings(const std::vector<std::string>& texts) {
  Json array = Json::array();
  for (const auto& text : texts) array.push(text);
  return array;
}

std::string range_text(const repository::LogRecord& record) {
  if (record.ranges.empty()) return "nothing new";
  return fmt::format("{} to {} on timeline {}", record.ranges.front().from.to_string(),
                     record.ranges.back().to.to_string(), record.ranges.back().timeline.value);
}

}  // namespace

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

void print(const Output& output, const TransactionLogBackup::Outcome& outcome) {
  const auto& record = outcome.record;
  output.line(fmt::format("{}  WAL {}: {} segment(s), {} stored by this run ({})", outcome.label.text(),
                          range_text(record), record.segments, outcome.segments_stored, to_string(outcome.path)));
  output.remark("every commit before " + format_utc(record.covered_until) + " is recoverable" +
                (record.last_commit ? "; the last one is of " + format_utc(record.last_commit->time) : ""));
  if (outcome.retention) output.remark("slot " + record.slot + ": " + outcome.retention->summary());
  for (const auto& notice : outcome.notices) output.remark("note: " + notice);
  for (const auto& warning : outcome.warnings) output.line("warning: " + warning);
  if (record.gap) output.line("warning: WAL is missing before this range: " + *record.gap);
  if (outcome.needs_full) output.line("warning: take a new full backup now: ./backup.sh full");
}

Json to_json(const TransactionLogBackup::Outcome& outcome) {
  const auto& record = outcome.record;
  Json ranges = Json::array();
  for (const auto& range : record.ranges) {
    ranges.push(Json()
                    .set("timeline", range.timeline.value)
                    .set("from", range.from.to_string())
                    .set("to", range.to.to_string()));
  }
  Json json;
  json.set("label", outcome.label.text()).set("ranges", std::move(ranges)).set("segments", record.segments);
  json.set("segments_stored", outcome.segments_stored).set("delivery", to_string(outcome.path));
  json.set("covered_until", format_utc(record.covered_until)).set("needs_full", outcome.needs_full);
  if (record.last_commit) json.set("last_commit", format_utc(record.last_commit->time));
  if (record.gap) json.set("gap", *record.gap);
  json.set("slot", record.slot).set("slot_state", record.slot_state);
  Json warnings = Json::array();
  for (const auto& warning : outcome.warnings) warnings.push(warning);
  return json.set("warnings", std::move(warnings));
}

void print(const Output& output, const jobs::AutomaticExpiry& expiry) {
  if (expiry.plan) {
    for (const auto& warning : expiry.plan->warnings) output.remark("retention: " + warning);
  }
  if (expiry.failure) {
    output.line("warning: the backup is done, but retention was not applied: " + expiry.failure->message());
    if (!expiry.failure->hint().empty()) output.remark("hint: " + expiry.failure->hint());
    return;
  }
  if (!expiry.report) return;
  const auto& report = *expiry.report;
  output.remark(fmt::format("retention: expired {} backup(s), {} log record(s), {} WAL segment(s)", report.backups,
                            report.logs, report.segments));
  for (const auto& line : report.yielded) output.remark("retention: " + line);
  if (report.denied_total > 0) {
    output.remark(
        fmt::format("retention: {} object(s) may not be removed, as {}", report.denied_total, report.denied.front()));
  }
}

Json to_json(const jobs::AutomaticExpiry& expiry) {
  if (!expiry.asked_for) return Json().set("status", "not automatic");
  if (expiry.failure) return Json().set("status", "failed").set("error", expiry.failure->message());
  if (!expiry.report) return Json().set("status", "nothing to expire");
  return to_json(*expiry.report).set("status", "done");
}

}  // namespace spendsync::cli
