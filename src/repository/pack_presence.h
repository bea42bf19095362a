// Whether the packs of a backup are all there. Inside this folder only.
#pragma once

#include <stop_token>

#include "repository/manifest.h"
#include "repository/repository.h"

namespace spendsync::repository {

/// By one listing: every pack of the manifest lies in the store with the size that it should have. Packs of other runs
/// may lie beside them. Errors: corrupt, naming the pack; those of the store; cancelled.
Result<void> expect_packs(Repository& repository, const Label& label, const std::vector<PackRecord>& packs,
                          std::stop_token stop);

}  // namespace spendsync::repository
