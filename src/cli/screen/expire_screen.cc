#include "cli/screen/expire_screen.h"

#include <fmt/format.h>

#include "base/time.h"

namespace spendsync::cli {

using retention::ExpiryReport;
using retention::Plan;
using retention::Window;

namespace {

std::string window_text(const Window& window) {
  if (!window.base) return "no moment between backups, only to the ends of backups";
  return fmt::format("{} to {} (from {})", format_utc(window.from), format_utc(window.until), window.base->text());
}

std::string run_text(const retention::ExpiredWal& wal, uint32_t segment_size) {
  return fmt::format("timeline {}: {} to {}", wal.run.first.timeline.value, wal.run.first.file_name(segment_size),
                     wal.run.last.file_name(segment_size));
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

void print_backups(const Output& output, const Plan& plan, const std::string& would) {
  output.line(fmt::format("{}expire {} of {} backup(s), {} log record(s), {} WAL segment(s); frees {} now", would,
                          plan.backups.size(), plan.listed, plan.logs.size(), plan.wal_segments(),
                          format_bytes(plan.freed_now())));
  for (const auto& backup : plan.backups) {
    output.line(fmt::format("  {}  {} ({})", backup.label.text(), backup.why, format_bytes(backup.bytes)));
    output.line("    " + backup.effect);
  }
  for (const auto& run : plan.runs) output.line(fmt::format("  {}  {}", run.label.text(), run.why));
  for (const auto& log : plan.logs) output.line(fmt::format("  {}  {}", log.label.text(), log.why));
}

void print_wal(const Output& output, const Plan& plan, uint32_t segment_size) {
  constexpr size_t kLinesMax = 20;
  for (size_t i = 0; i < plan.wal.size() && i < kLinesMax; ++i) {
    const auto& wal = plan.wal[i];
    output.line(
        fmt::format("  WAL {}: {} segment(s), {}", run_text(wal, segment_size), wal.segments, format_bytes(wal.bytes)));
  }
  if (plan.wal.size() > kLinesMax)
    output.line(fmt::format("  and {} more runs of segments", plan.wal.size() - kLinesMax));
}

void print_sweeps(const Output& output, const Plan& plan) {
  for (const auto& sweep : plan.sweeps) {
    output.line(
        fmt::format("  packs of {}, which is not listed any more: {}", sweep.label.text(), format_bytes(sweep.bytes)));
  }
  for (const auto& waiting : plan.waiting) {
    output.remark(fmt::format("{} of {}, which is not listed any more, go with the first expire after {}",
                              format_bytes(waiting.bytes), waiting.label.text(), format_utc(waiting.due)));
  }
}

void print_kept(const Output& output, const Plan& plan) {
  output.line(fmt::format("keeps {} backup(s) and {} WAL segment(s)", plan.kept.size(), plan.kept_segments));
  for (const auto& kept : plan.kept) output.line(fmt::format("  {}  {}", kept.label.text(), join(kept.rules)));
}

Json window_json(const Window& window) {
  if (!window.base) return {};
  return Json()
      .set("base", window.base->text())
      .set("from", format_utc(window.from))
      .set("until", format_utc(window.until));
}

Json texts(const std::vector<std::string>& list) {
  Json array = Json::array();
  for (const auto& text : list) array.push(text);
  return array;
}

Json expired_json(const Plan& plan) {
  Json backups = Json::array();
  for (const auto& backup : plan.backups) {
    backups.push(Json()
                     .set("label", backup.label.text())
                     .set("why", backup.why)
                     .set("effect", backup.effect)
                     .set("stored_bytes", backup.bytes));
  }
  return backups;
}

template <class List>
Json labelled(const List& list) {
  Json array = Json::array();
  for (const auto& item : list) array.push(Json().set("label", item.label.text()).set("why", item.why));
  return array;
}

Json sweeps_json(const std::vector<retention::Sweep>& sweeps) {
  Json array = Json::array();
  for (const auto& sweep : sweeps) {
    array.push(Json().set("label", sweep.label.text()).set("bytes", sweep.bytes).set("due", format_utc(sweep.due)));
  }
  return array;
}

void print_report(const Output& output, const ExpiryReport& report) {
  output.line(
      fmt::format("expired {} backup(s), {} unfinished run(s), {} log record(s), {} WAL segment(s); {} object(s) "
                  "removed",
                  report.backups, report.runs, report.logs, report.segments, report.objects));
  for (const auto& line : report.yielded) output.line("kept: " + line);
  for (const auto& line : report.denied) output.line("warning: not removed: " + line);
  if (report.denied_total > report.denied.size()) {
    output.line(fmt::format("warning: {} object(s) in all were not removed", report.denied_total));
  }
}

Json plan_json(const Plan& plan, uint32_t segment_size) {
  Json wal = Json::array();
  for (const auto& item : plan.wal) {
    wal.push(Json()
                 .set("timeline", item.run.first.timeline.value)
                 .set("first", item.run.first.file_name(segment_size))
                 .set("last", item.run.last.file_name(segment_size))
                 .set("segments", item.segments)
                 .set("files", static_cast<uint64_t>(item.files.size()))
                 .set("bytes", item.bytes));
  }
  Json kept = Json::array();
  for (const auto& backup : plan.kept) {
    kept.push(Json().set("label", backup.label.text()).set("rules", texts(backup.rules)));
  }
  Json json;
  json.set("listed", plan.listed).set("backups", expired_json(plan)).set("runs", labelled(plan.runs));
  json.set("logs", labelled(plan.logs)).set("wal", std::move(wal)).set("wal_segments", plan.wal_segments());
  json.set("packs", sweeps_json(plan.sweeps)).set("packs_waiting", sweeps_json(plan.waiting));
  json.set("freed_bytes", plan.freed_now()).set("kept", std::move(kept)).set("kept_segments", plan.kept_segments);
  json.set("window_before", window_json(plan.before)).set("window_after", window_json(plan.after));
  return json.set("over_cap", plan.over_cap).set("warnings", texts(plan.warnings));
}

}  // namespace

void print_plan(const Output& output, const jobs::ServerExpiry& server, bool dry_run) {
  const auto& plan = server.plan;
  if (!server.earlier.empty()) output.line("of " + server.earlier + ":");
  if (plan.empty()) {
    output.line("nothing to expire");
  } else {
    print_backups(output, plan, dry_run ? "would " : "");
    print_wal(output, plan, server.segment_size);
  }
  print_sweeps(output, plan);
  if (dry_run) print_kept(output, plan);
  if (plan.before == plan.after) {
    output.line("any moment can be recovered: " + window_text(plan.after) + ", as before");
  } else {
    output.line("any moment can be recovered: " + window_text(plan.after));
    output.line("  before: " + window_text(plan.before));
  }
  for (const auto& warning : plan.warnings) output.line("warning: " + warning);
  if (dry_run && plan.over_cap) output.line("warning: this is over expire.deletion_cap: it takes --yes");
}

void print(const Output& output, const jobs::ExpireReport& report) {
  for (const auto& server : report.servers) {
    if (!server.report) continue;
    if (!server.earlier.empty()) output.line("of " + server.earlier + ":");
    print_report(output, *server.report);
  }
}

Json to_json(const jobs::ExpireReport& report) {
  Json clusters = Json::array();
  for (const auto& server : report.servers) {
    Json json;
    json.set("system_identifier", server.server.to_string());
    json.set("plan", plan_json(server.plan, server.segment_size));
    if (server.report) json.set("report", to_json(*server.report));
    clusters.push(std::move(json));
  }
  return Json().set("dry_run", report.dry_run).set("clusters", std::move(clusters));
}

Json to_json(const ExpiryReport& report) {
  Json json;
  json.set("backups", report.backups).set("runs", report.runs).set("logs", report.logs);
  json.set("segments", report.segments).set("packs_of", report.sweeps).set("objects", report.objects);
  json.set("yielded", texts(report.yielded)).set("denied", texts(report.denied));
  return json.set("denied_total", report.denied_total);
}

}  // namespace spendsync::cli
