// A store that goes wrong where a script says, for fault tests.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "storage/object_store.h"

namespace spendsync::storage {

/// `append` and `finish` are those of uploads. `any` counts the calls of all operations together.
enum class StoreOperation { any, put, begin_upload, append, finish, get, get_range, stat, list, list_level, remove };

/// One thing that goes wrong, once or from then on.
struct StoreFault {
  enum class Effect {
    fail_before,  // the call does nothing and fails
    fail_after,   // the call does its work and then reports failure: a lost reply
    tear,         // only `keep` bytes (list: objects) get through; then writes and listings fail with `kind`, while
                  // get and get_range succeed with the rest cut off or zero
    flip_bit,     // bit `bit` of what is written or read is inverted (modulo its size); the call succeeds
    throws,       // the call does nothing and throws std::bad_alloc
    delay,        // the call waits for `delay` on the clock, then works
  };
  StoreOperation operation = StoreOperation::any;
  uint64_t nth = 1;         // which call of that operation, from 1
  bool persistent = false;  // also every later one
  Effect effect = Effect::fail_before;
  ErrorKind kind = ErrorKind::transient;
  uint64_t keep = 0;
  uint64_t bit = 0;
  std::chrono::milliseconds delay{0};
};

/// Passes everything on to `inner`, but for the faults of the script. Thread-safe; `inner` and `clock` outlive it.
/// A torn put or finish leaves the torn object in the inner store, which no honest store does: it plays the worst one.
class FaultyStore final : public ObjectStore {
 public:
  FaultyStore(ObjectStore& inner, const Clock& clock) : inner_(inner), clock_(clock) {}

  void add(StoreFault fault);
  /// Faults are over; counts begin anew.
  void reset();
  /// Calls so far, also those that failed.
  uint64_t calls(StoreOperation operation) const;

  Result<void> put_if_absent(const ObjectKey& key, ByteView bytes) override;
  Result<std::unique_ptr<ObjectUpload>> begin_upload(const ObjectKey& key, uint64_t expected_size) override;
  Result<Bytes> get(const ObjectKey& key, uint64_t max_size) override;
  Result<void> get_range(const ObjectKey& key, uint64_t offset, MutableBytes out) override;
  Result<ObjectInfo> stat(const ObjectKey& key) override;
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const ObjectInfo&)>& visit) override;
  Result<std::vector<std::string>> list_level(std::string_view prefix) override;
  Result<void> remove(const ObjectKey& key) override;
  std::string description() const override { return inner_.description(); }
  Result<std::optional<uint64_t>> free_space() override { return inner_.free_space(); }

 private:
  friend class FaultyUpload;
  /// Counts the call, waits where the script says so, and tells what else is to go wrong.
  Result<std::optional<StoreFault>> arrive(StoreOperation operation);
  /// A call without bytes: fails before, after or not at all. `tear` counts as fail_before.
  template <class T>
  Result<T> pass(StoreOperation operation, const std::function<Result<T>()>& call);

  ObjectStore& inner_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::vector<StoreFault> faults_;
  std::map<StoreOperation, uint64_t> calls_;
};

}  // namespace spendsync::storage
