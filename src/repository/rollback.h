// A repository that has gone back behind what this host has seen: an older copy of it was mounted or brought back, or
// somebody removed its newest records. Its seals all open, so that only memory tells.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/repository.h"

namespace spendsync::repository {

class Catalog;

/// Why this is not what this host has seen: another repository, or an earlier state of the same one. The error
/// (refused, with its hint) is what a command that writes ends with and what others warn with. nullopt: nothing speaks
/// for it, or the host keeps no state. A newest record that is there and damaged is damage and no rollback, one that
/// was expired is neither. Asks the store for one or two objects. Errors: those of the store.
Result<std::optional<Error>> find_rollback(Repository& repository);

/// For commands that write, before they do: what they wrote would become the newest that this host has seen.
/// Errors: as find_rollback tells it; those of the store.
Result<void> expect_no_rollback(Repository& repository);

/// What is given up by accept_rollback.
struct AcceptedRollback {
  std::string gone;                   // key of the newest record that this host had seen
  uint64_t sequence = 0;              // its number; the next record counts on from it
  std::optional<std::string> newest;  // key of the newest record that is there; empty: none
};
/// From now on what is there counts as what this host has seen. nullopt: it had not gone back, nothing was changed.
/// Errors: those of the store; of writing the state directory.
Result<std::optional<AcceptedRollback>> accept_rollback(Repository& repository, const Catalog& catalog,
                                                        std::stop_token stop);

}  // namespace spendsync::repository
