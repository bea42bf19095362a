// "If this server died now": what the repository could give back, what the server says, and the verdict on both.
#pragma once

#include "health/check_report.h"
#include "health/recovery_state.h"
#include "health/verdict.h"
#include "jobs/wiring.h"
#include "postgres/replication_slot.h"

namespace spendsync::jobs {

/// What the server says, as far as it can be asked.
struct ServerView {
  std::optional<postgres::ServerInfo> info{};
  std::optional<postgres::SlotState> slot{};
  std::vector<health::CheckItem> items{};  // server.slot, server.archiver, server.history, server.tablespaces
  std::string unreachable{};               // why it cannot be asked; empty: it can
};

/// All that is told.
struct Status {
  health::RecoveryState state;
  ServerView server;
  health::BackupFacts facts;
  health::Verdict verdict;
  health::CheckReport findings;
};

/// What the configuration leads to. Errors: those of Wiring::examine, of keys, and of a store that is there but cannot
/// be used.
Result<Wiring::Examination> open_for_status(const Context& context, const Sources& sources);

/// Reads, changes nothing. Errors: those of the store; refused where the connection leads to another server than the
/// repository holds; cancelled.
Result<Status> look_at_status(const Context& context, Wiring::Examination& found);

}  // namespace spendsync::jobs
