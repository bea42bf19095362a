// Proves backups by recovering them: each in a sandbox, and checked there.
#pragma once

#include <functional>

#include "jobs/wiring.h"
#include "repository/label.h"
#include "restore/restore_proof.h"

namespace spendsync::jobs {

struct ProveRequest {
  std::optional<std::string> work_directory{};     // where the sandbox is made; empty: restore.target_directory
  std::optional<std::string> system_identifier{};  // of the server whose backups are meant
  std::optional<unsigned> workers{};
};

/// Whether sandboxes can be made there at all: to be asked before a long verify. Errors: see sandbox.h.
Result<void> check_work_directory(Wiring& wiring, const ProveRequest& request);

/// Recovers `label` to its own end; the sandbox is gone when this returns. Needs a wiring that restores.
/// Errors: those of planning and room; with exit code 8 when the backup does not recover; cancelled.
Result<restore::RestoreProof> prove_restorable(Wiring& wiring, const repository::Label& label,
                                               const ProveRequest& request, Progress& progress);

}  // namespace spendsync::jobs
