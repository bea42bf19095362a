// spendsync-backup list [backup_type] [days_back]
#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/page_failures.h"
#include "repository/catalog.h"
#include "repository/marks.h"
#include "repository/verdicts.h"

namespace spendsync::cli {
namespace {

using repository::BackupEntry;
using repository::Catalog;
using repository::LogEntry;

struct Filter {
  std::optional<BackupType> type;
  Timestamp not_before{};
  bool wants(const repository::Label& label) const {
    return (!type || label.type() == *type) && label.start() >= not_before;
  }
};

Result<Filter> make_filter(const ListOptions& options, const Clock& clock) {
  Filter filter;
  if (options.type) {
    auto type = parse_backup_type(*options.type);
    if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
    filter.type = *type;
  }
  if (options.days_back) filter.not_before = clock.now() - std::chrono::days(*options.days_back);
  return filter;
}

using repository::Verdicts;

/// A row of the list: what people and --json see of a backup or a log record.
struct Row {
  repository::Label label;
  std::string state;  // "ok", or why not
  Timestamp started{};
  Timestamp ended{};
  uint64_t stored_bytes = 0;
  uint64_t source_bytes = 0;
  std::string range;  // WAL
  std::string remarks;
  bool damaged = false;
  bool unusable = false;  // an incremental without its full
  std::string parent{};   // of an incremental
  SystemIdentifier server{};
  std::string verified{};  // "good" or "damaged": by the newest verify; empty: none
  bool pinned = false;
  bool earlier = false;  // of a server that the present one has adopted
  bool data_checksums = false;
  uint64_t page_failures = 0;  // pages whose checksum did not match when they were read
  std::vector<repository::PageFailures> page_failure_files{};
};

void append_remark(std::string& remarks, const std::string& text) { remarks += (remarks.empty() ? "" : "; ") + text; }

Row row_of(const BackupEntry& entry, const Catalog& catalog) {
  Row row{.label = entry.label, .state = {}, .range = {}, .remarks = {}};
  if (!entry.summary) {
    row.state = "DAMAGED";
    row.remarks = entry.summary.error().message();
    row.damaged = true;
    row.started = row.ended = entry.label.start();
    return row;
  }
  const auto& summary = *entry.summary;
  row.state = summary.complete() ? "ok" : "incomplete";
  if (auto base = catalog.check_base(summary); !base) {
    row.state = "UNUSABLE";
    row.unusable = true;
    append_remark(row.remarks, base.error().message());
  }
  if (summary.parent) row.parent = summary.parent->text();
  row.started = summary.started;
  row.ended = summary.stopped;
  row.stored_bytes = summary.stored_bytes;
  row.source_bytes = summary.source_bytes;
  row.range = fmt::format("{}..{} tl {}", summary.start.lsn.to_string(), summary.stop.lsn.to_string(),
                          summary.stop.timeline.value);
  for (const auto& reason : summary.incomplete) append_remark(row.remarks, "not inside: " + reason);
  if (summary.from_standby) append_remark(row.remarks, "made on a standby");
  row.data_checksums = summary.data_checksums;
  row.page_failures = summary.page_failures;
  row.page_failure_files = summary.page_failure_files;
  if (summary.page_failures > 0) {
    append_remark(row.remarks, describe_page_failures(summary));
  }
  return row;
}

Row row_of(const LogEntry& entry) {
  Row row{.label = entry.label, .state = {}, .range = {}, .remarks = {}};
  if (!entry.record) {
    row.state = "DAMAGED";
    row.remarks = entry.record.error().message();
    row.damaged = true;
    row.started = row.ended = entry.label.start();
    return row;
  }
  const auto& record = *entry.record;
  row.state = record.gap ? "gap before" : "ok";
  row.started = record.started;
  row.ended = record.covered_until;
  row.stored_bytes = record.stored_bytes;
  if (!record.ranges.empty()) {
    row.range = fmt::format("{}..{} tl {}", record.ranges.front().from.to_string(), record.ranges.back().to.to_string(),
                            record.ranges.back().timeline.value);
  }
  if (record.gap) append_remark(row.remarks, *record.gap + ": take a new full backup");
  return row;
}

Result<void> add_pin(repository::Repository& repository, Row& row) {
  const auto pins = TRY(repository::read_pins(repository, row.label));
  row.pinned = !pins.empty();
  if (row.pinned)
    append_remark(row.remarks, "pinned" + (pins.front().reason.empty() ? "" : ": " + pins.front().reason));
  return ok();
}

/// What the newest verify has found outweighs what the manifest says of itself.
void add_verdict(const Verdicts& verdicts, const BackupEntry& entry, Row& row) {
  auto parent = entry.summary ? entry.summary->parent : std::nullopt;
  if (auto why = repository::why_damaged(verdicts, entry.label, parent)) {
    row.state = "DAMAGED";
    append_remark(row.remarks, *why);
    row.verified = "damaged";
    return;
  }
  auto verdict = verdicts.find(entry.label);
  if (verdict == verdicts.end()) return;
  append_remark(row.remarks, "verified " + format_utc(verdict->second.verified));
  row.verified = "good";
}

Result<void> collect(repository::Repository& repository, const Catalog& catalog, const Filter& filter, bool earlier,
                     std::vector<Row>& all) {
  const auto verdicts = TRY(repository::read_verdicts(repository, {}));
  std::vector<Row> rows;
  for (const auto& entry : catalog.backups()) {
    if (!filter.wants(entry.label)) continue;
    rows.push_back(row_of(entry, catalog));
    add_verdict(verdicts, entry, rows.back());
    TRY(add_pin(repository, rows.back()));
  }
  for (const auto& entry : catalog.logs()) {
    if (filter.wants(entry.label)) rows.push_back(row_of(entry));
  }
  for (auto& row : rows) {
    row.server = repository.identity().system_identifier;
    row.earlier = earlier;
    if (earlier) append_remark(row.remarks, "of " + describe_earlier(repository));
    all.push_back(std::move(row));
  }
  return ok();
}

void print_table(const Output& output, const std::vector<Row>& rows, const TimeZone& zone) {
  Table table({"LABEL", "STARTED (" + zone.name() + ")", "RESTORABLE UNTIL (UTC)", "SOURCE", "STORED", "WAL", "STATE"});
  for (const auto& row : rows) {
    const bool logs = row.label.type() == BackupType::transaction_logs;
    table.add({row.label.text(), zone.format_local(row.started), row.damaged ? "-" : format_utc(row.ended),
               logs || row.damaged ? "-" : format_bytes(row.source_bytes),
               row.damaged ? "-" : format_bytes(row.stored_bytes), row.range.empty() ? "-" : row.range,
               row.state + (row.page_failures > 0 ? ", DAMAGED PAGES" : "") +
                   (row.remarks.empty() ? "" : ": " + row.remarks)});
  }
  for (const auto& line : table.lines()) output.line(line);
}

Json to_json(const Row& row) {
  Json json;
  json.set("label", row.label.text()).set("type", to_string(row.label.type())).set("state", row.state);
  json.set("started", format_utc(row.started));
  if (!row.damaged) {
    json.set("restorable_until", format_utc(row.ended)).set("stored_bytes", row.stored_bytes);
    if (row.label.type() != BackupType::transaction_logs) json.set("source_bytes", row.source_bytes);
    json.set("wal", row.range);
  }
  json.set("system_identifier", row.server.to_string()).set("earlier_server", row.earlier);
  if (!row.parent.empty()) json.set("parent", row.parent);
  if (!row.damaged && row.label.type() != BackupType::transaction_logs) {
    json.set("data_checksums", row.data_checksums).set("page_failures", row.page_failures);
    json.set("page_failure_files", page_failures_json(row.page_failure_files));
  }
  if (row.label.type() != BackupType::transaction_logs) json.set("pinned", row.pinned);
  if (!row.verified.empty()) json.set("verified", row.verified);
  if (!row.remarks.empty()) json.set("remarks", row.remarks);
  return json;
}

Json list_json(const repository::Repository& present, const std::vector<Row>& rows) {
  Json json;
  json.set("cluster", present.identity().cluster);
  json.set("system_identifier", present.identity().system_identifier.to_string());
  Json list = Json::array();
  for (const auto& row : rows) list.push(to_json(row));
  return json.set("backups", list);
}

}  // namespace

Result<int> run_list(const Process& process, const ListOptions& options) {
  const auto filter = TRY(make_filter(options, process.clock));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::reads));
  auto folders = TRY(open_cluster_folders(*wiring, std::nullopt));
  const auto rollbacks = TRY(warn_of_rollbacks(process, folders));
  std::vector<Row> rows;
  std::vector<repository::Label> unfinished;
  for (auto& folder : folders) {
    const auto catalog = TRY(Catalog::load(*folder, process.stop));
    TRY(collect(*folder, catalog, filter, folder != folders.front(), rows));
    for (const auto& run : catalog.unfinished()) unfinished.push_back(run.label);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.label < b.label; });
  if (rows.empty()) {
    process.output.line("no backups" + std::string(options.type || options.days_back ? " match" : " yet") + " in " +
                        wiring->store().description());
  } else {
    print_table(process.output, rows, wiring->config().schedules.timezone);
  }
  for (const auto& label : unfinished) {
    process.output.remark("unfinished: " + label.text() + " (running, or interrupted; never restored from)");
  }
  const bool damaged =
      std::any_of(rows.begin(), rows.end(), [](const Row& row) { return row.damaged || row.unusable; });
  const bool went_back = std::ranges::any_of(
      rollbacks, [](const Error& error) { return error.condition() == Condition::repository_went_back; });
  const int code = damaged || went_back ? kDamaged : kDone;
  auto fields = list_json(*folders.front(), rows);
  if (!rollbacks.empty()) fields.set("rolled_back", rollbacks.front().message());
  process.output.summary("list", std::move(fields), code);
  return code;
}

}  // namespace spendsync::cli
