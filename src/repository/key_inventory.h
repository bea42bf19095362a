// Every data key of a cluster with its wraps, as they lie there; and the wraps that are missing, added.
#pragma once

#include <map>

#include "crypto/wrapped_key.h"
#include "repository/repository.h"

namespace spendsync::repository {

/// Which key-encrypting key made a wrap.
struct WrapperName {
  std::string type;  // "key-file", "aws-kms", "escrow"
  std::string id;
  auto operator<=>(const WrapperName&) const = default;
  std::string to_string() const { return type + " " + id; }
};

/// One object below keys/.
struct WrapEntry {
  storage::ObjectKey object;
  std::string wrap_id;
  Result<crypto::WrappedKey> wrap;  // corrupt: damaged, or of another key, cluster or repository
  bool retired = false;             // it has a tombstone: readers ignore it
  bool counts() const { return wrap.has_value() && !retired; }
  WrapperName wrapper() const { return {wrap->wrapper_type, wrap->wrapper_id}; }  // requires: wrap
};

struct KeyEntry {
  crypto::KeyId id;
  SystemIdentifier server;  // whose folder it lies in: a cluster has one for each server that it has been
  std::vector<WrapEntry> wraps;
  /// The first wrap that counts; null: nobody can open the key.
  const WrapEntry* first() const;
  bool has(const WrapperName& wrapper) const;
};

/// Of one folder, in the order of their ids. Errors: those of the store; cancelled.
Result<std::vector<KeyEntry>> read_key_inventory(Repository& repository, std::stop_token stop);

struct RewrapSettings {
  /// Who gets the wraps that are missing. Keys are opened by any wrapper of the repository.
  std::vector<crypto::KeyWrapper*> targets;
  /// Whose wraps are given up: they get a tombstone and are removed.
  std::optional<WrapperName> retire;
};

struct RewrapReport {
  size_t keys = 0;                                                 // data keys there are
  std::map<WrapperName, size_t> added;                             // wraps made
  size_t retired = 0;                                              // wraps given up
  size_t replaced = 0;                                             // of `added`: one was there, and is damaged
  std::vector<std::pair<crypto::KeyId, std::string>> closed;       // keys that nothing here opens, and why
  std::vector<std::pair<crypto::KeyId, std::string>> not_retired;  // keys whose old wrap had to stay, and why
  size_t added_total() const;
  /// Takes in what was done in another folder of the cluster.
  void add(RewrapReport other);
  bool complete() const { return closed.empty() && not_retired.empty(); }
};

/// Adds to each data key that any wrapper opens the wraps that `targets` lack, then retires. Touches no data; running
/// it again adds nothing. A wrap is retired only where another one was opened, in this very run, by a target that is
/// not offline. Errors: refused when `retire` names a target; those of store and wrappers; cancelled. What was added
/// stays.
Result<RewrapReport> rewrap_keys(Repository& repository, const RewrapSettings& settings, std::stop_token stop);

}  // namespace spendsync::repository
