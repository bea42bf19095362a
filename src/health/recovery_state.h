// What the repository could give back now: the ground of `check` and `status`.
#pragma once

#include <memory>

#include "health/check_backups.h"
#include "postgres/connection.h"
#include "repository/repository.h"
#include "wal/recovery_windows.h"

namespace spendsync::health {

/// A snapshot. Movable; what `best` points to moves along.
struct RecoveryState {
  std::unique_ptr<wal::BackupInventory> inventory;
  std::vector<repository::UnfinishedRun> unfinished;
  std::vector<repository::ChainFinding> chain;  // empty: whole
  std::optional<Error> went_back;               // behind what this host has seen
  std::optional<wal::RecoveryWindow> best;      // the one that reaches furthest; empty: nothing can be restored
  std::optional<std::string> beyond;            // later WAL that is known of and is not there
  uint32_t segment_size = 0;                    // bytes of a WAL segment
  std::optional<uint64_t> replay_bytes;         // stored WAL that a restore to the end of `best` reads
  const repository::ManifestSummary* newest_full() const;  // by start; nullptr: none
  const repository::LogRecord* newest_log() const;         // nullptr: none
};

/// Reads summaries, log records and WAL listings; changes nothing. Errors: those of the store; cancelled.
Result<RecoveryState> read_recovery_state(repository::Repository& repository, std::stop_token stop);

/// What is judged of it. `server`: empty when it cannot be asked.
BackupFacts backup_facts(const RecoveryState& state, const BackupPlan& plan, Timestamp now,
                         const std::optional<postgres::ServerInfo>& server);

}  // namespace spendsync::health
