// The chain of records: what makes a rollback or a removed record visible (docs/format/repository.md, "Chain").
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "crypto/digest.h"
#include "repository/repository.h"

namespace spendsync::repository {

/// A record as another one cites it.
struct RecordRef {
  std::string key;                // relative to the prefix
  crypto::Sha256Digest digest{};  // of the object's bytes
  bool operator==(const RecordRef&) const = default;
};

/// What each manifest and log record carries: 1 + the greatest sequence seen, and every record that no other cited
/// then. Two runs at once cite the same heads; the next one cites both: nothing is lost.
struct ChainLink {
  uint64_t sequence = 1;
  std::vector<RecordRef> predecessors;
  bool operator==(const ChainLink&) const = default;
};

/// The newest record that this host has seen, kept in the state directory.
struct NewestSeen {
  uint64_t sequence = 0;
  RecordRef record;
};

/// nullopt when there is none of this repository, or no state directory. Errors: of reading the file.
Result<std::optional<NewestSeen>> find_newest_seen(const Repository& repository);
/// The same; what cannot be read counts as nothing.
std::optional<NewestSeen> read_newest_seen(const Repository& repository);
/// Only ever moves forward, on one repository, and never over a record that has vanished: that is the only evidence
/// that the repository went back (rollback.h). What cannot be written is logged at debug and forgotten.
void remember_newest_seen(Repository& repository, const NewestSeen& seen);
/// Whatever was remembered. nullopt: nothing is from now on. Errors: those of the state directory.
Result<void> replace_newest_seen(Repository& repository, const std::optional<NewestSeen>& seen);

/// Whether a record is there, or a tombstone says that it was expired. `key`: relative to the prefix.
/// Errors: invalid; those of the store.
Result<bool> is_there_or_expired(Repository& repository, const std::string& key);

class Catalog;

/// Of the readable records the one with the greatest sequence; nullopt when there is none.
std::optional<storage::ObjectKey> newest_record(const Layout& layout, const Catalog& catalog);

/// The link of a record that is about to be written: above all that the catalog and this host have seen.
/// Reads the heads whole to hash them, 4 MiB at a time. Errors: those of the store.
Result<ChainLink> next_link(Repository& repository, const Catalog& catalog, std::stop_token stop);

struct ChainFinding {
  enum class Kind { missing, changed, rolled_back } kind = Kind::missing;
  std::string key;
  std::string what;  // one line
};
/// Every record that is cited and neither there nor tombstoned, or not the bytes that were cited; and whether the
/// repository has gone back behind what this host has seen. Empty: the chain is whole, and its newest record is
/// remembered in the state directory.
Result<std::vector<ChainFinding>> check_chain(Repository& repository, const Catalog& catalog, std::stop_token stop);

/// SHA-256 of an object, read in pieces. Errors: not_found.
Result<crypto::Sha256Digest> digest_object(storage::ObjectStore& store, const storage::ObjectKey& key,
                                           std::stop_token stop);

}  // namespace spendsync::repository
