#include "cli/screen/status_screen.h"

#include <fmt/format.h>

#include "cli/screen/check_screen.h"
#include "config/due.h"

namespace spendsync::cli {

using health::CheckVerdict;
using jobs::Status;

namespace {

std::string ago(Timestamp moment, Timestamp now) {
  return moment >= now ? "just now" : format_duration(now - moment) + " ago";
}

std::string describe_full(const Status& status) {
  const auto* full = status.state.newest_full();
  if (full == nullptr) return "none";
  return fmt::format("{}, {}, {} -> {} stored", full->label.text(), ago(full->started, status.facts.now),
                     format_bytes(full->source_bytes), format_bytes(full->stored_bytes));
}

std::string describe_log(const Status& status) {
  const auto* log = status.state.newest_log();
  if (log == nullptr) return "none";
  return fmt::format("{}, {}", log->label.text(), ago(log->started, status.facts.now));
}

std::string describe_restorable(const Status& status) {
  if (!status.state.best) return "nothing";
  const auto& best = *status.state.best;
  return fmt::format("until {} ({}), timeline {}, {}", format_utc(best.until), ago(best.until, status.facts.now),
                     best.timeline.value,
                     best.missing  ? "WAL IS MISSING after that"
                     : best.broken ? "WHAT FOLLOWS IS ANOTHER HISTORY'S WAL"
                                   : "no gap");
}

std::string describe_server(const Status& status) {
  if (!status.server.info) return std::string("cannot be asked");
  const auto& info = *status.server.info;
  std::string text = fmt::format("up, at {} on timeline {}", info.current_lsn.to_string(), info.timeline.value);
  if (status.facts.lag) text += fmt::format(", {} of WAL not stored yet", format_bytes(status.facts.lag->bytes()));
  return text;
}

std::string describe_slot(const Status& status, const std::string& name) {
  if (!status.server.info) return name + ": not known";
  if (!status.server.slot) return name + ": there is none";
  const auto& slot = *status.server.slot;
  return fmt::format("{}: {}, {}, holds back {}", slot.name, slot.active ? "active" : "idle",
                     slot.wal_status.empty() ? "not reserved" : slot.wal_status, format_bytes(slot.retained_bytes));
}

/// What the schedules ask for next.
std::vector<std::pair<std::string, std::optional<Timestamp>>> next_times(const config::Schedules& schedules,
                                                                         Timestamp now) {
  std::vector<std::pair<std::string, std::optional<Timestamp>>> times;
  auto add = [&](const char* name, const config::CronExpression& cron) {
    times.emplace_back(name, config::next_due(cron, schedules.timezone, now));
  };
  add("full", schedules.full.cron);
  add("incremental", schedules.incremental.cron);
  add("transaction_logs", schedules.transaction_logs.cron);
  add("verify", schedules.verify);
  add("dr_test", schedules.dr_test.cron);
  return times;
}

std::string verdict_word(health::Safety safety) {
  if (safety == health::Safety::safe) return "safe";
  return safety == health::Safety::unknown ? "unknown" : "not safe";
}

}  // namespace

void print(const Output& out, const Status& status, const config::Config& config) {
  out.line(status.verdict.headline());
  if (status.verdict.recoverable) out.line("  because      " + status.verdict.basis);
  for (const auto& missed : status.verdict.missed) out.line("  MISSED       " + missed);
  if (!status.server.info) {
    out.line("  not known    whether its slot still keeps what is not stored: " + status.server.unreachable);
    out.line("               -> if it should run: spendsync-backup check");
    if (status.verdict.recoverable) {
      out.line("               -> if it is dead: spendsync-backup restore --latest --in-place");
    }
  }
  for (const auto& item : status.findings.items()) {
    if (item.verdict != CheckVerdict::problem && item.verdict != CheckVerdict::warning) continue;
    out.line(fmt::format("  {:<12} {}", to_string(item.verdict), item.what));
    if (!item.fix.empty()) out.line("               -> " + item.fix);
  }
  out.remark("  restorable   " + describe_restorable(status));
  out.remark("  newest full  " + describe_full(status));
  out.remark("  newest logs  " + describe_log(status));
  out.remark("  server       " + describe_server(status));
  out.remark("  slot         " + describe_slot(status, config.database.slot));
  const auto& zone = config.schedules.timezone;
  for (const auto& [name, time] : next_times(config.schedules, status.facts.now)) {
    out.remark(fmt::format("  {:<12} {} {}", "scheduled", name, time ? zone.format_local(*time) : "never"));
  }
}

Json to_json(const Status& status, const config::Config& config) {
  Json json;
  const auto& verdict = status.verdict;
  json.set("verdict", verdict_word(verdict.safety)).set("safe", verdict.safety == health::Safety::safe);
  json.set("recoverable", verdict.recoverable);
  if (verdict.recoverable) {
    json.set("data_loss_seconds", std::chrono::duration<double>(verdict.loss).count());
    json.set("recovery_seconds", std::chrono::duration<double>(verdict.recovery).count());
    json.set("recovery_basis", verdict.measured ? "measured" : "estimated").set("recovery_because", verdict.basis);
    json.set("restorable_until", format_utc(status.state.best->until));
    json.set("timeline", status.state.best->timeline.value)
        .set("gap", status.state.best->missing || status.state.best->broken);
    json.set("backup", status.state.best->backup->label.text());
  }
  json.set("rpo_seconds", int64_t{config.objectives.rpo.count()});
  json.set("rto_seconds", int64_t{config.objectives.rto.count()});
  Json missed = Json::array();
  for (const auto& text : verdict.missed) missed.push(text);
  json.set("missed", std::move(missed));
  if (const auto* full = status.state.newest_full()) json.set("newest_full", full->label.text());
  if (const auto* log = status.state.newest_log()) json.set("newest_transaction_logs", log->label.text());
  json.set("server_reachable", status.server.info.has_value());
  if (!status.server.info) json.set("server_error", status.server.unreachable);
  if (status.facts.lag) json.set("unstored_wal_bytes", status.facts.lag->bytes());
  if (status.server.slot) {
    const auto& slot = *status.server.slot;
    json.set("slot", Json()
                         .set("name", slot.name)
                         .set("active", slot.active)
                         .set("wal_status", slot.wal_status)
                         .set("retained_bytes", slot.retained_bytes));
  }
  Json next = Json::object();
  for (const auto& [name, time] : next_times(config.schedules, status.facts.now)) {
    next.set(name, time ? Json(format_utc(*time)) : Json());
  }
  return json.set("next", std::move(next)).set("findings", to_json(status.findings));
}

monitoring::NagiosFacts nagios_facts(const Status& status, const config::Config& config) {
  monitoring::NagiosFacts facts;
  facts.verdict = status.verdict;
  facts.rpo = config.objectives.rpo;
  facts.rto = config.objectives.rto;
  for (const auto& item : status.findings.items()) {
    if (item.verdict == CheckVerdict::problem) facts.problems.push_back(item.what);
    if (item.verdict == CheckVerdict::warning) facts.warnings.push_back(item.what);
  }
  if (!status.server.info) facts.warnings.push_back("the server cannot be asked: " + status.server.unreachable);
  if (status.server.slot) facts.slot_retained_bytes = status.server.slot->retained_bytes;
  if (status.facts.lag) facts.unstored_wal_bytes = status.facts.lag->bytes();
  return facts;
}

}  // namespace spendsync::cli
