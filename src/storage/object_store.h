// Where bytes rest. Two implementations exist: a directory and (later) S3; wrappers add retry, throttling and metrics.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "base/bytes.h"
#include "base/condition.h"
#include "base/types.h"
#include "storage/object_key.h"

namespace spendsync::storage {

struct ObjectInfo {
  ObjectKey key;
  uint64_t size = 0;
  Timestamp created;  // the store's clock
};

/// One object being uploaded in pieces: for packs, whose names nobody else uses.
/// One thread at a time. Destroying an unfinished upload abandons it: no object appears under its key.
class ObjectUpload {
 public:
  virtual ~ObjectUpload() = default;
  /// The store takes what it needs before it returns; `bytes` stays the caller's.
  virtual Result<void> append(ByteView bytes) = 0;
  /// Makes the object exist, durable and whole. Errors: already_exists. Nothing may be called after it.
  virtual Result<void> finish() = 0;
};

/// What every store guarantees. All members are thread-safe. One contract test suite proves it for each store.
///  - An object appears whole or not at all, and is never changed afterwards.
///  - When put_if_absent or finish returns success, the object survives a power loss.
///  - Read after write: get, stat and list see an object as soon as its put has returned, from every process.
///  - not_found means that the store has proved the object absent; every other trouble has another kind
///    (transient: may pass; denied; exhausted; corrupt), so absence is never concluded from an error.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Creates the object. Exactly one of several concurrent callers succeeds. Errors: already_exists.
  virtual Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) = 0;

  /// Begins an upload in pieces. `expected_size` is a hint in bytes, 0 when unknown.
  virtual Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) = 0;

  /// The whole object. Errors: not_found; corrupt when it is larger than `max_size` bytes.
  virtual Result<Bytes> get(const ObjectKey& key, uint64_t max_size) = 0;

  /// Fills `out` from `offset`. Errors: not_found; corrupt when the object ends before `offset + out.size()`.
  virtual Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) = 0;

  /// Errors: not_found.
  virtual Result<ObjectInfo> stat(const ObjectKey& key) = 0;

  /// Calls `visit` for every object whose key begins with `prefix` (a plain string prefix, may be empty), in
  /// ascending byte order of keys. A listing that cannot be completed is an error, never a short list.
  /// `visit` returning an error ends the listing with it. `start_after`: only keys greater than it.
  virtual Result<void> list(std::string_view prefix, std::string_view start_after,
                            const std::function<Result<void>(const ObjectInfo&)>& visit) = 0;

  /// The distinct first components after `prefix` (which ends with '/' or is empty), as if folders, in order:
  /// names only, without the prefix; a folder's name ends with '/'.
  virtual Result<std::vector<std::string>> list_level(std::string_view prefix) = 0;

  /// Removes the object; success when it was not there.
  virtual Result<void> remove(const ObjectKey& key) = 0;

  /// What people call it: "/var/lib/spendsync/backups", "s3://bucket/prefix".
  virtual std::string description() const = 0;
  /// Free bytes, where the store can tell.
  virtual Result<std::optional<uint64_t>> free_space() = 0;
};

}  // namespace spendsync::storage
