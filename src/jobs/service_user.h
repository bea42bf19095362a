// Who the program runs as: the owner of the data directory (README.md, "On a real server").
#pragma once

#include <string>
#include <vector>

#include "base/process_identity.h"
#include "config/config.h"

namespace spendsync::jobs {

/// The user that owns the cluster: of `database.data_directory`, else of the server's Unix socket, else `postgres`.
/// Errors: refused when none of them can be told.
Result<UserIdentity> find_service_user(const config::Config& config);

/// Started as root: makes those of `directories` that are missing (0700, the service user's, who may not create below
/// /var), then becomes the service user for good, keeping only the right to read captured files, or what `kept` says
/// (a restore gives them back to their owners). Started as anybody else: does nothing.
Result<void> become_service_user(const config::Config& config, const std::vector<std::string>& directories,
                                 KeptRights kept = KeptRights::read_files);

/// The path under which the running user can start this program again. Where it lies in a directory closed to that
/// user (root's home), a copy in `directory`, which must be the user's own. Requires: called after become_*.
Result<std::string> reachable_program(const std::string& directory);

/// Must be called once, before privileges are dropped: keeps a descriptor of the program's file for reachable_program.
void remember_program();

}  // namespace spendsync::jobs
