// verify --restore: every backup recovered in a sandbox and checked there.
#pragma once

#include <vector>

#include "cli/commands.h"
#include "repository/label.h"
#include "restore/restore_proof.h"

namespace spendsync::cli {

/// One after the other, each to its own end, each told when it is done. The sandbox is gone before the next begins.
/// Errors: those of planning and room; with exit code 8 when a backup does not recover; cancelled.
Result<std::vector<restore::RestoreProof>> prove_restorable(const Process& process, Wiring& wiring,
                                                            const VerifyOptions& options,
                                                            const std::vector<repository::Label>& labels);

/// 8 for damage, 3 where a check could not be made, else 0.
int exit_code_of(const std::vector<restore::RestoreProof>& proofs);
Json proofs_json(const std::vector<restore::RestoreProof>& proofs);

}  // namespace spendsync::cli
