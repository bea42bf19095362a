// What `init` does with a configuration that is there already. Inside this folder only.
#pragma once

#include "cli/process.h"

namespace spendsync::cli {

/// init --new-repository
Result<int> run_new_repository(const Process& process);
/// init --accept-rollback
Result<int> run_accept_rollback(const Process& process);

}  // namespace spendsync::cli
