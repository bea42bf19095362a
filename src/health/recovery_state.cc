#include "health/recovery_state.h"

#include <algorithm>

#include "repository/rollback.h"

namespace spendsync::health {
namespace {

/// The latest moment that any record states.
std::optional<Timestamp> newest_record(const RecoveryState& state) {
  std::optional<Timestamp> newest;
  auto take = [&](Timestamp moment) { newest = newest ? std::max(*newest, moment) : moment; };
  for (const auto& backup : state.inventory->backups) take(backup.stopped);
  for (const auto& log : state.inventory->logs) take(log.finished);
  return newest;
}

}  // namespace

const repository::ManifestSummary* RecoveryState::newest_full() const {
  const repository::ManifestSummary* newest = nullptr;
  for (const auto& backup : inventory->backups) {
    bool good = backup.complete() && !inventory->damaged.contains(backup.label);
    if (backup.type() == BackupType::full && good) newest = &backup;  // ascending
  }
  return newest;
}

const repository::LogRecord* RecoveryState::newest_log() const {
  return inventory->logs.empty() ? nullptr : &inventory->logs.back();
}

Result<RecoveryState> read_recovery_state(repository::Repository& repository, std::stop_token stop) {
  const auto catalog = TRY(repository::Catalog::load(repository, stop));
  RecoveryState state;
  const auto verdicts = TRY(repository::read_verdicts(repository, stop));
  state.inventory = std::make_unique<wal::BackupInventory>(wal::read_inventory(catalog, verdicts));
  state.unfinished = catalog.unfinished();
  state.went_back = TRY(repository::find_rollback(repository));
  state.chain = TRY(repository::check_chain(repository, catalog, stop));
  repository::WalArchive archive(repository, {});
  auto coverage = TRY(wal::WalCoverage::load(archive, repository.identity(), stop));
  wal::RecoveryWindows recovery(*state.inventory, coverage, stop);
  auto windows = TRY(recovery.all());
  // Nobody is safe by a backup that verify found damaged.
  std::erase_if(windows, [&](const auto& window) { return state.inventory->damaged.contains(window.backup->label); });
  if (const auto* best = recovery.furthest(windows)) {
    state.best = *best;
    state.beyond = recovery.stated_beyond(*best, windows);
  }
  state.segment_size = coverage.segment_size();
  if (state.best) {
    const auto path = coverage.path_to(state.best->timeline);
    state.replay_bytes = coverage.stored_bytes(path, state.best->backup->start.lsn, state.best->end);
  }
  return state;
}

BackupFacts backup_facts(const RecoveryState& state, const BackupPlan& plan, Timestamp now,
                         const std::optional<postgres::ServerInfo>& server) {
  BackupFacts facts;
  facts.now = now;
  facts.plan = plan;
  if (const auto* full = state.newest_full()) facts.newest_full = full->started;
  for (const auto& entry : state.inventory->unreadable) {
    facts.damaged.push_back(entry.label.text() + ": " + entry.why.message());
  }
  for (const auto& [label, why] : state.inventory->damaged) facts.damaged.push_back(label.text() + ": " + why);
  if (state.went_back) facts.went_back = {state.went_back->message(), state.went_back->hint()};
  for (const auto& finding : state.chain) facts.damaged.push_back(finding.key + ": " + finding.what);
  facts.newest_record = newest_record(state);
  facts.unfinished = state.unfinished.size();
  if (!state.best) return facts;
  facts.restorable_until = state.best->until;
  if (server) facts.lag = WalLag{.server = server->current_lsn, .stored = state.best->end};
  if (server && !server->in_recovery && server->timeline != state.best->timeline) {
    facts.other_timeline = {server->timeline, state.best->timeline};
  }
  if (state.best->missing) {
    facts.missing_wal = state.best->missing->file_name(state.segment_size);
  }
  if (state.best->broken) facts.broken_wal = state.best->broken->describe(state.segment_size);
  facts.beyond = state.beyond;
  return facts;
}

}  // namespace spendsync::health
