#include "jobs/status.h"

#include "health/check_history.h"
#include "health/check_server.h"
#include "health/check_tablespaces.h"
#include "jobs/backup_plan.h"

namespace spendsync::jobs {

using health::CheckItem;

namespace {

bool concerns_status(const CheckItem& item) { return item.name == "server.slot" || item.name == "server.archiver"; }

/// `repository`: null where there is none yet.
Result<ServerView> ask(postgres::Connection& connection, const config::Config& config,
                       repository::Repository* repository, const wal::BackupInventory& backups, std::stop_token stop) {
  ServerView view;
  view.info = TRY(postgres::read_server_info(connection));
  view.slot = TRY(postgres::find_slot(connection, config.database.slot));
  health::ServerFacts facts;
  facts.info = *view.info;
  facts.health = TRY(postgres::read_server_health(connection, stop));
  facts.slot_name = config.database.slot;
  facts.slot = view.slot;
  facts.has_backups = !backups.backups.empty();
  for (auto& item : health::judge_server(facts)) {
    if (concerns_status(item)) view.items.push_back(std::move(item));
  }
  bool same_server = repository && repository->identity().system_identifier == view.info->system_identifier;
  if (!same_server) return view;
  view.items.push_back(health::check_history(*repository, connection, *view.info, stop));
  view.items.push_back(health::check_tablespaces(connection, backups, stop));
  return view;
}

ServerView look_at_server(const Wiring& wiring, repository::Repository* repository, const wal::BackupInventory& backups,
                          std::stop_token stop) {
  auto settings = wiring.connection();
  settings.connect_timeout = std::chrono::seconds(5);
  auto connection = postgres::Connection::open(settings, stop);
  if (!connection) return {.unreachable = connection.error().message()};
  auto view = ask(*connection, wiring.config(), repository, backups, stop);
  if (!view) return {.unreachable = view.error().message()};
  return *std::move(view);
}

health::VerdictFacts verdict_facts(const Status& status, const Wiring& wiring, Timestamp now) {
  const auto& config = wiring.config();
  health::VerdictFacts facts;
  facts.now = now;
  facts.rpo = config.objectives.rpo;
  facts.rto = config.objectives.rto;
  facts.server_answers = status.server.info.has_value();
  facts.problems = status.findings.count(health::CheckVerdict::problem) > 0;
  facts.measured =
      health::read_restore({.state_directory = wiring.state_directory(), .cluster = wiring.config().cluster});
  if (!status.state.best) return facts;
  const auto& best = *status.state.best;
  facts.restorable_until = best.until;
  facts.all_stored = status.facts.lag && status.facts.lag->nothing_new();
  facts.work = health::RecoveryWork{.label = best.backup->label.text(),
                                    .restored_bytes = best.backup->source_bytes,
                                    .wal_bytes = best.end.value - best.backup->start.lsn.value,
                                    .copy_duration = best.backup->stopped - best.backup->started};
  return facts;
}

/// Empty: the repository or the cluster in it is not there yet.
Result<std::unique_ptr<repository::Repository>> find_repository(Wiring::Examination& found) {
  if (found.store_failure) return std::unique_ptr<repository::Repository>();
  auto repository = found.wiring->open_repository();
  if (!repository && repository.error().is(ErrorKind::not_found)) return std::unique_ptr<repository::Repository>();
  return repository;
}

}  // namespace

Result<Wiring::Examination> open_for_status(const Context& context, const Sources& sources) {
  auto found = TRY(Wiring::examine(context, sources));
  for (const auto& key : found.keys) {
    if (key.failure) return *key.failure;
  }
  if (found.store_failure && !found.store_failure->is(ErrorKind::not_found)) return *found.store_failure;
  return found;
}

Result<Status> look_at_status(const Context& context, Wiring::Examination& found) {
  auto& wiring = *found.wiring;
  const auto repository = TRY(find_repository(found));
  Status status;
  status.state.inventory = std::make_unique<wal::BackupInventory>();
  if (repository) {
    status.state = TRY(health::read_recovery_state(*repository, context.stop));
  }
  status.server = look_at_server(wiring, repository.get(), *status.state.inventory, context.stop);
  if (context.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
  const auto now = context.clock.now();
  const auto& info = status.server.info;
  if (info && repository && info->system_identifier != repository->identity().system_identifier) {
    return Error(ErrorKind::refused, "the connection leads to another server than the repository holds")
        .with_hint("spendsync-backup check");
  }
  status.facts = health::backup_facts(status.state, backup_plan(wiring.config()), now, info);
  status.findings.add(health::judge_backups(status.facts));
  status.findings.add(status.server.items);
  status.verdict = health::judge(verdict_facts(status, wiring, now));
  return status;
}

}  // namespace spendsync::jobs
