// One opened cluster folder of a repository: identity, keys, sealed documents (docs/format/repository.md).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/log.h"
#include "crypto/data_key.h"
#include "crypto/sealed_stream.h"
#include "repository/key_ring.h"
#include "repository/layout.h"
#include "storage/object_store.h"

namespace spendsync::repository {

/// What a cluster is; never changes while its system identifier does not.
struct ClusterIdentity {
  std::string cluster;
  SystemIdentifier system_identifier;
  int major_version = 0;
  uint32_t catalog_version = 0;
  uint32_t page_size = 0;              // bytes
  uint32_t wal_segment_size = 0;       // bytes
  uint64_t relation_segment_size = 0;  // bytes
  bool operator==(const ClusterIdentity&) const = default;
};

/// What lies under a cluster's name for one server.
struct ClusterFolder {
  ClusterIdentity identity;
  std::vector<SystemIdentifier> adopted;
  Timestamp created{};
};

/// What a repository works with. All of it belongs to the caller and outlives the repository.
struct Collaborators {
  storage::ObjectStore& store;
  std::vector<crypto::KeyWrapper*> wrappers;
  RandomSource& random;
  const Clock& clock;
  Log& log;
};

/// What a put of an immutable object found.
enum class PutOutcome { stored, already_identical };

/// Sealed documents are read whole; none is larger, in bytes.
inline constexpr uint64_t kDocumentMax = 256u << 20;

/// Thread-safe. A handle opened for reading writes as well when it is told to (`wal push` knows no catalog version):
/// the difference is only in what opening creates and checks.
class Repository {
 public:
  struct Settings {
    std::string cluster;
    std::string state_directory;  // empty: none. What cannot be written there is never an error
  };

  /// Opens the folder of `identity`, creating `repository`, the first keys and `identity` where they are missing, in
  /// that order, each by a conditional put: a kill at any point is completed by the next caller, and of two creators
  /// at once both end with what the first one wrote.
  /// Errors: refused when `repository` is missing but other objects exist, when the cluster's name holds another
  /// system identifier (hint: cluster adopt), when version or sizes differ from what was recorded; unsupported for a
  /// newer format; denied when no wrapper opens the keys; corrupt; refused by check_place (remembered.h).
  static Result<std::unique_ptr<Repository>> open_for_writing(Settings settings, const ClusterIdentity& identity,
                                                              Collaborators collaborators);

  /// Opens a folder that exists; creates nothing. Without a system identifier: the cluster's only one, or the one
  /// that adopted all others.
  /// Errors: not_found when there is no repository or no such cluster; refused when `repository` is missing but other
  /// objects exist, and where this host has seen records in a folder that is gone (repository_went_back); invalid when
  /// several could be meant (all named); unsupported; denied; corrupt.
  static Result<std::unique_ptr<Repository>> open_for_reading(Settings settings,
                                                              std::optional<SystemIdentifier> system_identifier,
                                                              Collaborators collaborators);

  /// All folders under the cluster's name, ascending by their creation. Empty also where there is no repository.
  /// Errors: as open_for_reading for what cannot be read.
  static Result<std::vector<ClusterFolder>> list_folders(Settings settings, Collaborators collaborators);

  /// A handle for each server of the cluster whose newest record this host remembers (chain.h). Their folders may be
  /// gone: no identity is read, identity() and adopted() say nothing, and nothing may be written through them.
  /// Errors: as open_for_reading for the repository as a whole; of reading the state directory.
  static Result<std::vector<std::unique_ptr<Repository>>> open_remembered(Settings settings,
                                                                          Collaborators collaborators);

  /// Creates the folder of a server that takes the place of all others under the cluster's name (after pg_upgrade, or
  /// built anew): its identity names them as adopted, and from then on it is the one that is meant where none is named.
  /// Errors: not_found when there is no other folder; conflict when the server has a folder that did not adopt them;
  /// refused where the repository went back (rollback.h).
  static Result<std::unique_ptr<Repository>> adopt(Settings settings, const ClusterIdentity& identity,
                                                   Collaborators collaborators);

  const std::string& id() const { return id_; }  // 32 hexadecimal digits
  const ClusterIdentity& identity() const { return identity_; }
  /// System identifiers whose folders this cluster has adopted.
  const std::vector<SystemIdentifier>& adopted() const { return adopted_; }
  const Layout& layout() const { return layout_; }
  /// As open_remembered, for one server under the same cluster's name. What this one was given outlives it, too.
  std::unique_ptr<Repository> of_server(SystemIdentifier server) const;
  KeyRing& keys() { return *keys_; }
  storage::ObjectStore& store() const { return collaborators_.store; }
  RandomSource& random() const { return collaborators_.random; }
  const Clock& clock() const { return collaborators_.clock; }
  Log& log() const { return collaborators_.log; }
  const std::vector<crypto::KeyWrapper*>& wrappers() const { return collaborators_.wrappers; }
  const std::string& state_directory() const { return settings_.state_directory; }

  crypto::SealContext seal_context(ObjectType type, const storage::ObjectKey& key) const;
  /// The key that a stream's header names. Errors: as KeyRing::find, but a key without wraps is `corrupt`: the object
  /// is there, so what opens it must be.
  Result<crypto::DataKeyPtr> key_of(ByteView stream_header, const storage::ObjectKey& object);

  /// A document to be sealed and put.
  struct Document {
    ObjectType type;
    storage::ObjectKey key;
    ByteView content;
  };
  /// Seals under `meta_key` and creates the object. already_identical: an object with the same content is there.
  /// Errors: conflict when it has other content or is of another type (a tombstone at a manifest's key).
  Result<PutOutcome> put_document(const Document& document, const crypto::DataKeyPtr& meta_key);
  /// Opens a document whole. Errors: not_found; corrupt (also when the object is of another type); those of
  /// KeyRing::find. Over `max_size` bytes it is corrupt, too.
  Result<Bytes> get_document(ObjectType type, const storage::ObjectKey& key, uint64_t max_size = kDocumentMax);

  /// Whether expiry has written that `key` is gone on purpose.
  Result<bool> is_tombstoned(const storage::ObjectKey& key);

 private:
  Repository(Settings settings, Collaborators collaborators, Layout layout);
  Settings settings_;
  Collaborators collaborators_;
  Layout layout_;
  std::string id_;
  std::array<std::byte, 32> digest_{};  // SHA-256 of the repository object
  ClusterIdentity identity_;
  std::vector<SystemIdentifier> adopted_;
  std::unique_ptr<KeyRing> keys_;

  friend class RepositoryOpener;
};

}  // namespace spendsync::repository
