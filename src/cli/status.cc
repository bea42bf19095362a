// spendsync-backup status [--nagios]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/check_history.h"
#include "cli/check_server.h"
#include "cli/check_tablespaces.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/recovery_state.h"
#include "config/due.h"
#include "monitoring/nagios.h"

namespace spendsync::cli {
namespace {

using monitoring::Verdict;

/// What the server says, as far as it can be asked.
struct ServerView {
  std::optional<postgres::ServerInfo> info{};
  std::optional<postgres::SlotState> slot{};
  std::vector<CheckItem> slot_items{};  // server.slot, server.archiver, server.history, server.tablespaces
  std::string unreachable{};            // why it cannot be asked; empty: it can
};

bool concerns_status(const CheckItem& item) { return item.name == "server.slot" || item.name == "server.archiver"; }

/// `repository`: null where there is none yet.
Result<ServerView> ask(postgres::Connection& connection, const config::Config& config,
                       repository::Repository* repository, const restore::BackupInventory& backups,
                       std::stop_token stop) {
  ServerView view;
  view.info = TRY(postgres::read_server_info(connection));
  view.slot = TRY(postgres::find_slot(connection, config.database.slot));
  ServerFacts facts;
  facts.info = *view.info;
  facts.health = TRY(postgres::read_server_health(connection, stop));
  facts.slot_name = config.database.slot;
  facts.slot = view.slot;
  facts.has_backups = !backups.backups.empty();
  for (auto& item : judge_server(facts)) {
    if (concerns_status(item)) view.slot_items.push_back(std::move(item));
  }
  bool same_server = repository && repository->identity().system_identifier == view.info->system_identifier;
  if (!same_server) return view;
  view.slot_items.push_back(check_history(*repository, connection, *view.info, stop));
  view.slot_items.push_back(check_tablespaces(connection, backups, stop));
  return view;
}

ServerView look_at_server(const Wiring& wiring, repository::Repository* repository,
                          const restore::BackupInventory& backups, std::stop_token stop) {
  auto settings = wiring.connection();
  settings.connect_timeout = std::chrono::seconds(5);
  auto connection = postgres::Connection::open(settings, stop);
  if (!connection) return {.unreachable = connection.error().message()};
  auto view = ask(*connection, wiring.config(), repository, backups, stop);
  if (!view) return {.unreachable = view.error().message()};
  return *std::move(view);
}

/// All that is told.
struct Status {
  RecoveryState state;
  ServerView server;
  BackupFacts facts;
  Verdict verdict;
  CheckReport findings;
};

monitoring::VerdictFacts verdict_facts(const Status& status, const Wiring& wiring, Timestamp now) {
  const auto& config = wiring.config();
  monitoring::VerdictFacts facts;
  facts.now = now;
  facts.rpo = config.objectives.rpo;
  facts.rto = config.objectives.rto;
  facts.server_answers = status.server.info.has_value();
  facts.problems = status.findings.count(CheckVerdict::problem) > 0;
  facts.measured =
      monitoring::read_restore({.state_directory = wiring.state_directory(), .cluster = wiring.config().cluster});
  if (!status.state.best) return facts;
  const auto& best = *status.state.best;
  facts.restorable_until = best.until;
  facts.all_stored = status.facts.lag && status.facts.lag->nothing_new();
  facts.work = monitoring::RecoveryWork{.label = best.backup->label.text(),
                                        .restored_bytes = best.backup->source_bytes,
                                        .wal_bytes = best.end.value - best.backup->start.lsn.value,
                                        .copy_duration = best.backup->stopped - best.backup->started};
  return facts;
}

/// Everything that is needed to look, or nothing in `wiring.store()` yet. Errors: also of keys and of the store.
Result<Wiring::Examination> open_all(const Process& process) {
  auto found = TRY(Wiring::examine(process));
  for (const auto& key : found.keys) {
    if (key.failure) return *key.failure;
  }
  if (found.store_failure && !found.store_failure->is(ErrorKind::not_found)) return *found.store_failure;
  return found;
}

/// Empty: the repository or the cluster in it is not there yet.
Result<std::unique_ptr<repository::Repository>> find_repository(Wiring::Examination& found) {
  if (found.store_failure) return std::unique_ptr<repository::Repository>();
  auto repository = found.wiring->open_repository();
  if (!repository && repository.error().is(ErrorKind::not_found)) return std::unique_ptr<repository::Repository>();
  return repository;
}

Result<Status> look(const Process& process, Wiring::Examination& found) {
  auto& wiring = *found.wiring;
  const auto repository = TRY(find_repository(found));
  Status status;
  status.state.inventory = std::make_unique<restore::BackupInventory>();
  if (repository) {
    status.state = TRY(read_recovery_state(*repository, wiring.config().schedules.timezone, process.stop));
  }
  status.server = look_at_server(wiring, repository.get(), *status.state.inventory, process.stop);
  if (process.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
  const auto now = process.clock.now();
  const auto& info = status.server.info;
  if (info && repository && info->system_identifier != repository->identity().system_identifier) {
    return Error(ErrorKind::refused, "the connection leads to another server than the repository holds")
        .with_hint("spendsync-backup check");
  }
  status.facts = backup_facts(status.state, wiring.config(), now, info);
  status.findings.add(judge_backups(status.facts));
  status.findings.add(status.server.slot_items);
  status.verdict = monitoring::judge(verdict_facts(status, wiring, now));
  return status;
}

// ---- for people

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

void print(const Process& process, const Status& status, const config::Config& config) {
  const auto& out = process.output;
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

// ---- for programs

std::string verdict_word(monitoring::Safety safety) {
  if (safety == monitoring::Safety::safe) return "safe";
  return safety == monitoring::Safety::unknown ? "unknown" : "not safe";
}

Json to_json(const Status& status, const config::Config& config) {
  Json json;
  const auto& verdict = status.verdict;
  json.set("verdict", verdict_word(verdict.safety)).set("safe", verdict.safety == monitoring::Safety::safe);
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
  return json.set("next", std::move(next)).set("findings", status.findings.to_json());
}

// ---- for Nagios

int print_line(const monitoring::NagiosLine& line) {
  std::puts(line.text.c_str());
  return static_cast<int>(line.state);
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

/// 0 to 3 whatever happens: a plugin has no other codes.
int run_nagios(const Process& process) {
  auto found = open_all(process);
  if (!found) return print_line(monitoring::unknown_to_nagios(found.error().message()));
  auto status = look(process, *found);
  if (!status) return print_line(monitoring::unknown_to_nagios(status.error().message()));
  return print_line(monitoring::to_nagios(nagios_facts(*status, found->wiring->config())));
}

/// What only a finding tells (a lost slot, a run that is overdue, a gap) misses the objectives as well.
int status_code(const Status& status) {
  const auto& items = status.findings.items();
  const bool damaged = std::ranges::any_of(
      items, [](const CheckItem& item) { return item.verdict == CheckVerdict::problem && item.exit_code == kDamaged; });
  if (damaged) return kDamaged;
  if (status.verdict.safety == monitoring::Safety::unsafe) return kObjectiveMissed;
  return status.verdict.safety == monitoring::Safety::unknown ? kUnreachable : kDone;
}

}  // namespace

Result<int> run_status(const Process& process, const StatusOptions& options) {
  if (options.nagios) return run_nagios(process);
  auto found = TRY(open_all(process));
  const auto status = TRY(look(process, found));
  const auto& config = found.wiring->config();
  print(process, status, config);
  const int code = status_code(status);
  process.output.summary("status", to_json(status, config), code);
  return code;
}

}  // namespace spendsync::cli
