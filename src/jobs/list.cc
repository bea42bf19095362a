#include "jobs/list.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/time.h"
#include "jobs/cluster_folders.h"
#include "repository/marks.h"
#include "repository/page_failures.h"
#include "repository/verdicts.h"

namespace spendsync::jobs {
namespace {

using repository::BackupEntry;
using repository::Catalog;
using repository::LogEntry;
using repository::Verdicts;

struct Filter {
  std::optional<BackupType> type;
  Timestamp not_before{};
  bool wants(const repository::Label& label) const {
    return (!type || label.type() == *type) && label.start() >= not_before;
  }
};

void append_remark(std::string& remarks, const std::string& text) { remarks += (remarks.empty() ? "" : "; ") + text; }

BackupRow row_of(const BackupEntry& entry, const Catalog& catalog) {
  BackupRow row{.label = entry.label, .state = {}, .range = {}, .remarks = {}};
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
    append_remark(row.remarks, repository::describe_page_failures(summary));
  }
  return row;
}

BackupRow row_of(const LogEntry& entry) {
  BackupRow row{.label = entry.label, .state = {}, .range = {}, .remarks = {}};
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

Result<void> add_pin(repository::Repository& repository, BackupRow& row) {
  const auto pins = TRY(repository::read_pins(repository, row.label));
  row.pinned = !pins.empty();
  if (row.pinned)
    append_remark(row.remarks, "pinned" + (pins.front().reason.empty() ? "" : ": " + pins.front().reason));
  return ok();
}

/// What the newest verify has found outweighs what the manifest says of itself.
void add_verdict(const Verdicts& verdicts, const BackupEntry& entry, BackupRow& row) {
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
                     std::vector<BackupRow>& all) {
  const auto verdicts = TRY(repository::read_verdicts(repository, {}));
  std::vector<BackupRow> rows;
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

}  // namespace

bool BackupList::damaged() const {
  return std::ranges::any_of(rows, [](const BackupRow& row) { return row.damaged || row.unusable; }) ||
         std::ranges::any_of(rollbacks,
                             [](const Error& error) { return error.condition() == Condition::repository_went_back; });
}

Result<BackupList> list_backups(Wiring& wiring, const ListRequest& request) {
  const auto& context = wiring.context();
  Filter filter{.type = request.type};
  if (request.days_back) filter.not_before = context.clock.now() - std::chrono::days(*request.days_back);
  auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  BackupList list;
  list.cluster = folders.front()->identity().cluster;
  list.system_identifier = folders.front()->identity().system_identifier;
  list.rollbacks = TRY(warn_of_rollbacks(context, folders));
  for (auto& folder : folders) {
    const auto catalog = TRY(Catalog::load(*folder, context.stop));
    TRY(collect(*folder, catalog, filter, folder != folders.front(), list.rows));
    for (const auto& run : catalog.unfinished()) list.unfinished.push_back(run.label);
  }
  std::ranges::sort(list.rows, {}, &BackupRow::label);
  return list;
}

}  // namespace spendsync::jobs
