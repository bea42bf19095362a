// The folders of the configured cluster: the present server's and those that it has adopted.
#pragma once

#include <memory>
#include <vector>

#include "jobs/wiring.h"
#include "repository/key_inventory.h"

namespace spendsync::jobs {

/// The present server's first, then those before it, the newest first; one that is gone is warned of and left out. With
/// `asked` (--system-identifier), that alone. Errors: invalid for what is no system identifier; those of opening.
Result<std::vector<std::unique_ptr<repository::Repository>>> open_cluster_folders(
    Wiring& wiring, const std::optional<std::string>& asked);

/// The data keys of all these folders, those of the first one first. Errors: as read_key_inventory.
Result<std::vector<repository::KeyEntry>> read_cluster_keys(
    const std::vector<std::unique_ptr<repository::Repository>>& folders, std::stop_token stop);

/// What has gone back behind what this host has seen, told as a warning each. Errors: those of the store.
Result<std::vector<Error>> warn_of_rollbacks(const Context& context,
                                             const std::vector<std::unique_ptr<repository::Repository>>& folders);

/// "the server before (system identifier 7301..., PostgreSQL 14)"
std::string describe_earlier(const repository::Repository& repository);

}  // namespace spendsync::jobs
