#include "storage/throttled/throttled_store.h"

namespace spendsync::storage {
namespace {

class ThrottledUpload final : public ObjectUpload {
 public:
  ThrottledUpload(std::unique_ptr<ObjectUpload> below, TokenBucket& bucket, std::stop_token stop)
      : below_(std::move(below)), bucket_(bucket), stop_(std::move(stop)) {}
  Result<void> append(ByteView bytes) override {
    TRY(bucket_.take(bytes.size(), stop_));
    return below_->append(bytes);
  }
  Result<void> finish() override { return below_->finish(); }

 private:
  std::unique_ptr<ObjectUpload> below_;
  TokenBucket& bucket_;
  std::stop_token stop_;
};

}  // namespace

ThrottledStore::ThrottledStore(Settings settings, ObjectStore& below, const Clock& clock, std::stop_token stop)
    : below_(below), stop_(std::move(stop)) {
  if (settings.upload_bytes_per_second > 0) {
    upload_.emplace(TokenBucket::Settings{settings.upload_bytes_per_second, 0}, clock);
  }
  if (settings.download_bytes_per_second > 0) {
    download_.emplace(TokenBucket::Settings{settings.download_bytes_per_second, 0}, clock);
  }
}
ThrottledStore::~ThrottledStore() = default;

Result<void> ThrottledStore::pay(std::optional<TokenBucket>& bucket, uint64_t bytes) {
  if (!bucket) return ok();
  return bucket->take(bytes, stop_);
}

Result<void> ThrottledStore::put_if_absent(const ObjectKey& key, ByteView bytes) {
  TRY(pay(upload_, bytes.size()));
  return below_.put_if_absent(key, bytes);
}

Result<std::unique_ptr<ObjectUpload>> ThrottledStore::begin_upload(const ObjectKey& key, uint64_t expected_size) {
  auto upload = TRY(below_.begin_upload(key, expected_size));
  if (!upload_) return upload;
  return std::unique_ptr<ObjectUpload>(new ThrottledUpload(std::move(upload), *upload_, stop_));
}

/// How large it is shows only afterwards: the next one waits for it.
Result<Bytes> ThrottledStore::get(const ObjectKey& key, uint64_t max_size) {
  auto bytes = TRY(below_.get(key, max_size));
  TRY(pay(download_, bytes.size()));
  return bytes;
}

Result<void> ThrottledStore::get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) {
  TRY(pay(download_, out.size()));
  return below_.get_range(key, offset, out);
}

}  // namespace spendsync::storage
