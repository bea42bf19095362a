// restore_command: one WAL file out of the repository.
#pragma once

#include "jobs/wiring.h"
#include "wal/get.h"

namespace spendsync::jobs {

/// Configuration, keys and store are opened only where they are needed: most answers of a running restore come from its
/// plan and its window. Never an error: the outcome says what PostgreSQL is told.
wal::WalGetOutcome get_wal(const Context& context, const Sources& sources, const wal::WalGetRequest& request);

}  // namespace spendsync::jobs
