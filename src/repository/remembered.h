// Which repository this host has backed a cluster up to. A place where it is not, or where another one is, is most
// likely a disk that is not mounted: nothing may be created there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace spendsync::repository {

struct RememberedRepository {
  std::string id;
  std::string place;  // where it was when it was first seen; empty: not known
};

/// nullopt when there is none, or no state directory: never an error.
std::optional<RememberedRepository> read_remembered(const Repository::Settings& settings);
/// Of which servers of the cluster the newest record is remembered (chain.h), in any repository.
/// Errors: of reading the state directory; none where there is no such directory.
Result<std::vector<SystemIdentifier>> find_remembered_servers(const Repository::Settings& settings);
/// The same; what cannot be read counts as nothing.
std::vector<SystemIdentifier> remembered_servers(const Repository::Settings& settings);
/// Keeps what is remembered already. What cannot be written is logged at debug and forgotten.
void remember(const Repository& repository);
/// All that is kept of the cluster's repository; the paths that were removed. Errors: those of the file system.
Result<std::vector<std::string>> forget_remembered(const Repository::Settings& settings);

/// `found`: the id of the repository that is at `place` now, if there is one.
/// Errors: refused where it is not the remembered one (repository_missing where there is none).
Result<void> expect_remembered(const Repository::Settings& settings, const std::optional<std::string>& found,
                               const std::string& place);
/// The same of what is in the store: for commands that write, before anything else is done or made.
/// Errors: those of the store; corrupt.
Result<void> check_place(const Repository::Settings& settings, const Collaborators& collaborators);

}  // namespace spendsync::repository
