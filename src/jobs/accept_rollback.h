// What this host has seen and the repository has lost is given up.
#pragma once

#include "jobs/wiring.h"
#include "repository/rollback.h"

namespace spendsync::jobs {

struct AcceptedRollbacks {
  std::vector<repository::AcceptedRollback> accepted;  // a server each; empty: nothing was lost, nothing was changed
  bool has_to_adopt = false;  // a server's folder is gone and others lie there: `cluster adopt` comes next
};

/// Needs a wiring that writes. Errors: those of repository::accept_rollbacks.
Result<AcceptedRollbacks> accept_rollbacks(Wiring& wiring);

}  // namespace spendsync::jobs
