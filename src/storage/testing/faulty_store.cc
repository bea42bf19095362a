#include "storage/testing/faulty_store.h"

#include <algorithm>
#include <new>

namespace spendsync::storage {
namespace {

using Effect = StoreFault::Effect;

Error injected(const StoreFault& fault) { return Error(fault.kind, "injected fault"); }

bool has(const std::optional<StoreFault>& fault, Effect effect) { return fault && fault->effect == effect; }

void flip(MutableBytes bytes, uint64_t bit) {
  if (bytes.empty()) return;
  bit %= bytes.size() * 8;
  bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
}

/// What reaches the inner store of bytes that are written under this fault.
Bytes as_written(ByteView bytes, const std::optional<StoreFault>& fault) {
  Bytes result(bytes.begin(), bytes.end());
  if (has(fault, Effect::tear)) result.resize(std::min<size_t>(result.size(), fault->keep));
  if (has(fault, Effect::flip_bit)) flip(result, fault->bit);
  return result;
}

bool fails_after(const std::optional<StoreFault>& fault) {
  return has(fault, Effect::fail_after) || has(fault, Effect::tear);
}

}  // namespace

/// Stands before an upload of the inner store.
class FaultyUpload final : public ObjectUpload {
 public:
  FaultyUpload(FaultyStore& store, std::unique_ptr<ObjectUpload> inner) : store_(store), inner_(std::move(inner)) {}

  Result<void> append(ByteView bytes) override {
    auto fault = TRY(store_.arrive(StoreOperation::append));
    TRY(inner_->append(as_written(bytes, fault)));
    if (fails_after(fault)) return injected(*fault);
    return ok();
  }

  Result<void> finish() override {
    return store_.pass<void>(StoreOperation::finish, [&] { return inner_->finish(); });
  }

 private:
  FaultyStore& store_;
  std::unique_ptr<ObjectUpload> inner_;
};

void FaultyStore::add(StoreFault fault) {
  std::lock_guard lock(mutex_);
  faults_.push_back(fault);
}

void FaultyStore::reset() {
  std::lock_guard lock(mutex_);
  faults_.clear();
  calls_.clear();
}

uint64_t FaultyStore::calls(StoreOperation operation) const {
  std::lock_guard lock(mutex_);
  auto found = calls_.find(operation);
  return found == calls_.end() ? 0 : found->second;
}

Result<std::optional<StoreFault>> FaultyStore::arrive(StoreOperation operation) {
  std::optional<StoreFault> due;
  {
    std::lock_guard lock(mutex_);
    ++calls_[operation];
    ++calls_[StoreOperation::any];
    for (const auto& fault : faults_) {
      if (fault.operation != operation && fault.operation != StoreOperation::any) continue;
      auto count = calls_[fault.operation];
      if (count == fault.nth || (fault.persistent && count > fault.nth)) due = fault;
    }
  }
  if (has(due, Effect::delay)) TRY(clock_.sleep_for(due->delay, {}));
  if (has(due, Effect::throws)) throw std::bad_alloc();
  if (has(due, Effect::fail_before)) return injected(*due);
  return due;
}

template <class T>
Result<T> FaultyStore::pass(StoreOperation operation, const std::function<Result<T>()>& call) {
  auto fault = TRY(arrive(operation));
  if (has(fault, Effect::tear)) return injected(*fault);
  auto result = call();
  if (result && has(fault, Effect::fail_after)) return injected(*fault);
  return result;
}

Result<void> FaultyStore::put_if_absent(const ObjectKey& key, ByteView bytes) {
  auto fault = TRY(arrive(StoreOperation::put));
  TRY(inner_.put_if_absent(key, as_written(bytes, fault)));
  if (fails_after(fault)) return injected(*fault);
  return ok();
}

Result<std::unique_ptr<ObjectUpload>> FaultyStore::begin_upload(const ObjectKey& key, uint64_t expected_size) {
  return pass<std::unique_ptr<ObjectUpload>>(
      StoreOperation::begin_upload, [&]() -> Result<std::unique_ptr<ObjectUpload>> {
        auto upload = TRY(inner_.begin_upload(key, expected_size));
        return std::unique_ptr<ObjectUpload>(new FaultyUpload(*this, std::move(upload)));
      });
}

Result<Bytes> FaultyStore::get(const ObjectKey& key, uint64_t max_size) {
  auto fault = TRY(arrive(StoreOperation::get));
  auto bytes = TRY(inner_.get(key, max_size));
  if (has(fault, Effect::fail_after)) return injected(*fault);
  return as_written(bytes, fault);
}

Result<void> FaultyStore::get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) {
  auto fault = TRY(arrive(StoreOperation::get_range));
  TRY(inner_.get_range(key, offset, out));
  if (has(fault, Effect::fail_after)) return injected(*fault);
  if (has(fault, Effect::tear) && fault->keep < out.size()) {
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(fault->keep), out.end(), std::byte{0});
  }
  if (has(fault, Effect::flip_bit)) flip(out, fault->bit);
  return ok();
}

Result<ObjectInfo> FaultyStore::stat(const ObjectKey& key) {
  return pass<ObjectInfo>(StoreOperation::stat, [&] { return inner_.stat(key); });
}

Result<void> FaultyStore::list(std::string_view prefix, std::string_view start_after,
                               const std::function<Result<void>(const ObjectInfo&)>& visit) {
  auto fault = TRY(arrive(StoreOperation::list));
  uint64_t visited = 0;
  TRY(inner_.list(prefix, start_after, [&](const ObjectInfo& info) -> Result<void> {
    if (has(fault, Effect::tear) && visited++ >= fault->keep) return injected(*fault);
    return visit(info);
  }));
  if (fails_after(fault)) return injected(*fault);
  return ok();
}

Result<std::vector<std::string>> FaultyStore::list_level(std::string_view prefix) {
  return pass<std::vector<std::string>>(StoreOperation::list_level, [&] { return inner_.list_level(prefix); });
}

Result<void> FaultyStore::remove(const ObjectKey& key) {
  return pass<void>(StoreOperation::remove, [&] { return inner_.remove(key); });
}

}  // namespace spendsync::storage
