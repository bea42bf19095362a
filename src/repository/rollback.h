// A repository that has gone back behind what this host has seen: an older copy of it was mounted or brought back, or
// somebody removed its newest records. Its seals all open, so that only memory tells.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace spendsync::repository {

/// Why this is not what this host has seen: another repository, or an earlier state of the same one. The error
/// (refused, with its hint) is what a command that writes ends with and what others warn with. nullopt: nothing speaks
/// for it, or the host keeps no state. A newest record that is there and damaged is damage and no rollback, one that
/// was expired is neither. What was seen of other servers under the cluster's name counts, too (a copy from before
/// `cluster adopt` has nothing of the server that came then), but for those that this one has adopted: they are not the
/// latest. Asks the store for one or two objects a server. Errors: those of the store.
Result<std::optional<Error>> find_rollback(Repository& repository);

/// For commands that write, before they do: what they wrote would become the newest that this host has seen of this
/// server. Errors: as find_rollback tells it; those of the store.
Result<void> expect_no_rollback(Repository& repository);
/// The same in whatever repository it is: for the handle of a server whose folder may be gone.
Result<void> expect_newest_seen(Repository& repository);

/// What is given up by accept_rollbacks of one server.
struct AcceptedRollback {
  SystemIdentifier server;
  std::string gone;                   // key of the newest record that this host had seen
  uint64_t sequence = 0;              // its number; the next record counts on from it
  std::optional<std::string> newest;  // key of the newest record that is there; empty: none
};
/// From now on what is there counts as what this host has seen, for every server of the cluster whose newest record it
/// remembers: the folder itself may be gone. Empty: nothing had gone back, nothing was changed. One small file of the
/// state directory is replaced a server, so that a kill in between leaves the rest to be accepted again.
/// Errors: those of the store; of reading and writing the state directory.
Result<std::vector<AcceptedRollback>> accept_rollbacks(const Repository::Settings& settings,
                                                       const Collaborators& collaborators, std::stop_token stop);

}  // namespace spendsync::repository
