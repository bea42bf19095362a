// A store that is not sent to, or not read from, faster than it was told.
#pragma once

#include <memory>
#include <optional>

#include "base/token_bucket.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// Content counts, not requests or listings. An object put at once waits before it is sent; an upload before each
/// piece. Thread-safe as the store below. What waits ends with `cancelled` when `stop` is requested.
class ThrottledStore final : public ObjectStore {
 public:
  struct Settings {
    uint64_t upload_bytes_per_second = 0;    // 0: no limit
    uint64_t download_bytes_per_second = 0;  // 0: no limit
  };
  /// `below` and `clock` outlive it.
  ThrottledStore(Settings settings, ObjectStore& below, const Clock& clock, std::stop_token stop);
  ~ThrottledStore() override;

  Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) override;
  Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) override;
  Result<Bytes> get(const ObjectKey& key, uint64_t max_size) override;
  Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) override;
  Result<ObjectInfo> stat(const ObjectKey& key) override { return below_.stat(key); }
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const ObjectInfo&)>& visit) override {
    return below_.list(prefix, start_after, visit);
  }
  Result<std::vector<std::string>> list_level(std::string_view prefix) override { return below_.list_level(prefix); }
  Result<void> remove(const ObjectKey& key) override { return below_.remove(key); }
  std::string description() const override { return below_.description(); }
  Result<std::optional<uint64_t>> free_space() override { return below_.free_space(); }

 private:
  Result<void> pay(std::optional<TokenBucket>& bucket, uint64_t bytes);
  ObjectStore& below_;
  std::stop_token stop_;
  std::optional<TokenBucket> upload_;
  std::optional<TokenBucket> download_;
};

}  // namespace spendsync::storage
