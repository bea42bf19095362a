// spendsync-backup backup transaction_logs
#include "backup/transaction_logs.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/expire.h"
#include "cli/host_name.h"

namespace spendsync::cli {
namespace {

using backup::TransactionLogBackup;

TransactionLogBackup::Settings settings_of(const Wiring& wiring, const BackupOptions& options) {
  TransactionLogBackup::Settings settings;
  settings.connection = wiring.connection();
  settings.slot = wiring.config().database.slot;
  settings.host = host_name();
  settings.tool_version = SSB_VERSION;
  settings.data_directory = wiring.config().database.data_directory.value_or("");
  settings.workers = wiring.workers(options.workers);
  settings.change_maps = wiring.makes_change_maps();
  return settings;
}

Result<TransactionLogBackup::Outcome> back_up(const Process& process, Wiring& wiring, const BackupOptions& options,
                                              Progress& progress) {
  auto connection = TRY(postgres::Connection::open(wiring.connection()));
  const auto server = TRY(postgres::read_server_info(connection));
  auto repository = TRY(wiring.open_or_create_repository(server));
  repository::WalArchive archive(*repository, {.compression = wiring.compression()});
  TransactionLogBackup backup(settings_of(wiring, options),
                              {*repository, archive, process.clock, process.log, progress});
  return backup.run(process.stop);
}

std::string range_text(const repository::LogRecord& record) {
  if (record.ranges.empty()) return "nothing new";
  return fmt::format("{} to {} on timeline {}", record.ranges.front().from.to_string(),
                     record.ranges.back().to.to_string(), record.ranges.back().timeline.value);
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

}  // namespace

Result<int> run_transaction_logs(const Process& process, const BackupOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  wiring->limit_rates({.upload = wiring->upload_limit(options.throttle)});
  auto progress = process.output.progress("backup transaction_logs");
  const auto outcome = TRY(back_up(process, *wiring, options, *progress));
  progress->finish();
  print(process.output, outcome);
  auto summary = to_json(outcome);
  summary.set("expire", expire_after_backup(process, *wiring));
  process.output.summary("backup transaction_logs", std::move(summary), kDone);
  return kDone;
}

}  // namespace spendsync::cli
