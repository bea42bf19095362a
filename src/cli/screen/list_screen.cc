#include "cli/screen/list_screen.h"

#include "cli/screen/page_failures.h"

namespace spendsync::cli {

using jobs::BackupRow;

namespace {

void print_table(const Output& output, const std::vector<BackupRow>& rows, const TimeZone& zone) {
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

Json to_json(const BackupRow& row) {
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

}  // namespace

void print(const Output& output, const jobs::BackupList& list, const ListScene& scene) {
  if (list.rows.empty()) {
    output.line("no backups" + std::string(scene.narrowed ? " match" : " yet") + " in " + scene.place);
  } else {
    print_table(output, list.rows, scene.zone);
  }
  for (const auto& label : list.unfinished) {
    output.remark("unfinished: " + label.text() + " (running, or interrupted; never restored from)");
  }
}

Json to_json(const jobs::BackupList& list) {
  Json json;
  json.set("cluster", list.cluster).set("system_identifier", list.system_identifier.to_string());
  Json rows = Json::array();
  for (const auto& row : list.rows) rows.push(to_json(row));
  json.set("backups", std::move(rows));
  if (!list.rollbacks.empty()) json.set("rolled_back", list.rollbacks.front().message());
  return json;
}

}  // namespace spendsync::cli
