// What recovery left listed although it cannot be opened. Inside this folder only.
#pragma once

#include <optional>
#include <stop_token>

#include "postgres/server_process.h"
#include "restore/recovery.h"

namespace spendsync::restore {

/// Names in `result` the databases that PostgreSQL has marked invalid (datconnlimit -2: a DROP DATABASE that was under
/// way), and the databases and tablespaces whose directory is missing. Such are left where replay ends between the
/// records of a transaction that removes files and its commit. `process` runs and is recovered; a missing `connection`
/// is opened. Never an error: what was recovered stays recovered, and `result` says why nobody could look.
void look_at_databases(std::optional<postgres::Connection>& connection, const postgres::ServerProcess& process,
                       const RestorePlan& plan, RecoveryResult& result, std::stop_token stop);

}  // namespace spendsync::restore
