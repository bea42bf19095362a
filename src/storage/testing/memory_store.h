// Objects in memory, for tests. Keeps the whole contract of ObjectStore but durability.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// Thread-safe. Outlives its uploads.
class MemoryStore final : public ObjectStore {
 public:
  MemoryStore() : clock_(system_clock_) {}
  /// `clock` gives the objects' times and outlives the store.
  explicit MemoryStore(const Clock& clock) : clock_(clock) {}

  Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) override;
  Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) override;
  Result<Bytes> get(const ObjectKey& key, uint64_t max_size) override;
  Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) override;
  Result<ObjectInfo> stat(const ObjectKey& key) override;
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const ObjectInfo&)>& visit) override;
  Result<std::vector<std::string>> list_level(std::string_view prefix) override;
  Result<void> remove(const ObjectKey& key) override;
  std::string description() const override { return "memory"; }
  Result<std::optional<uint64_t>> free_space() override { return std::optional<uint64_t>(); }

  /// What no store lets anyone do: replaces an object's bytes in place (or makes it), to play damage and forgery.
  void overwrite(const ObjectKey& key, Bytes bytes);
  /// All keys in order.
  std::vector<ObjectKey> keys() const;

 private:
  struct Object {
    std::shared_ptr<const Bytes> bytes;  // shared with readers that have not ended
    Timestamp created;
  };
  Result<Object> find(const ObjectKey& key) const;
  std::vector<ObjectInfo> matching(std::string_view prefix, std::string_view start_after) const;

  SystemClock system_clock_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<ObjectKey, Object> objects_;
};

}  // namespace spendsync::storage
