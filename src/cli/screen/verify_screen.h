// What a verify found, as lines and as JSON.
#pragma once

#include "cli/screen/output.h"
#include "jobs/verify.h"
#include "restore/restore_proof.h"

namespace spendsync::cli {

/// What is damaged first; what that takes along is counted, with the ten files that weigh most.
void print(const Output& output, const jobs::VerifyOutcome& outcome);
Json to_json(const jobs::VerifyOutcome& outcome);

void print(const Output& output, const restore::RestoreProof& proof);
Json proofs_json(const std::vector<restore::RestoreProof>& proofs);

}  // namespace spendsync::cli
