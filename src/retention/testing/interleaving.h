// Several programs at one store, one operation at a time, in an order that a seed decides.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "storage/object_store.h"

namespace spendsync::retention {

/// Whose turn it is. Between two operations time may jump by hours: whoever was in the middle of something then has
/// slept for that long.
class Schedule {
 public:
  Schedule(uint64_t seed, size_t actors, ManualClock& clock)
      : random_(seed), clock_(clock), alive_(actors, true), steps_(actors, 0), killed_at_(actors, UINT64_MAX) {
    choose();
  }

  /// From its n-th operation on nothing of the actor reaches the store any more.
  void kill(size_t actor, uint64_t at) { killed_at_[actor] = at; }
  bool was_killed(size_t actor) const { return steps_[actor] >= killed_at_[actor]; }

  template <class Operation>
  auto step(size_t actor, Operation operation) -> decltype(operation()) {
    std::unique_lock lock(mutex_);
    turn_taken_.wait(lock, [&] { return turn_ == actor; });
    if (++steps_[actor] >= killed_at_[actor]) {
      choose();
      return Error(ErrorKind::internal, "killed");
    }
    auto result = operation();
    choose();
    return result;
  }

  void leave(size_t actor) {
    std::unique_lock lock(mutex_);
    alive_[actor] = false;
    if (turn_ == actor) choose();
  }

 private:
  void choose() {
    std::vector<size_t> living;
    for (size_t i = 0; i < alive_.size(); ++i) {
      if (alive_[i]) living.push_back(i);
    }
    if (!living.empty()) turn_ = living[random_.next_u64() % living.size()];
    constexpr std::array<int, 4> kJumps = {1, 7, 25, 50};
    if (random_.next_u64() % 60 == 0) clock_.advance(std::chrono::hours(kJumps[random_.next_u64() % kJumps.size()]));
    turn_taken_.notify_all();
  }

  SeededRandom random_;
  ManualClock& clock_;
  std::mutex mutex_;  // guards what follows; operations run under it
  std::condition_variable turn_taken_;
  size_t turn_ = 0;
  std::vector<bool> alive_;
  std::vector<uint64_t> steps_;
  std::vector<uint64_t> killed_at_;
};

/// The store as one of them sees it.
class ActorStore final : public storage::ObjectStore {
 public:
  ActorStore(storage::ObjectStore& inner, Schedule& schedule, size_t actor)
      : inner_(inner), schedule_(schedule), actor_(actor) {}

  using Key = storage::ObjectKey;
  Result<void> put_if_absent(const Key& key, ByteView bytes) override {
    return schedule_.step(actor_, [&] { return inner_.put_if_absent(key, bytes); });
  }
  Result<std::unique_ptr<storage::ObjectUpload>> begin_upload(const Key& key, uint64_t expected_size) override {
    auto inner = TRY(inner_.begin_upload(key, expected_size));
    return std::unique_ptr<storage::ObjectUpload>(std::make_unique<Upload>(*this, std::move(inner)));
  }
  Result<Bytes> get(const Key& key, uint64_t max_size) override {
    return schedule_.step(actor_, [&] { return inner_.get(key, max_size); });
  }
  Result<void> get_range(const Key& key, uint64_t offset, MutableBytes out) override {
    return schedule_.step(actor_, [&] { return inner_.get_range(key, offset, out); });
  }
  Result<storage::ObjectInfo> stat(const Key& key) override {
    return schedule_.step(actor_, [&] { return inner_.stat(key); });
  }
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const storage::ObjectInfo&)>& visit) override {
    std::vector<storage::ObjectInfo> found;
    TRY(schedule_.step(actor_, [&] {
      return inner_.list(prefix, start_after, [&](const storage::ObjectInfo& info) -> Result<void> {
        found.push_back(info);
        return ok();
      });
    }));
    for (const auto& info : found) TRY(visit(info));
    return ok();
  }
  Result<std::vector<std::string>> list_level(std::string_view prefix) override {
    return schedule_.step(actor_, [&] { return inner_.list_level(prefix); });
  }
  Result<void> remove(const Key& key) override {
    return schedule_.step(actor_, [&] { return inner_.remove(key); });
  }
  std::string description() const override { return inner_.description(); }
  Result<std::optional<uint64_t>> free_space() override { return inner_.free_space(); }

 private:
  /// Its object appears with finish(), which is the one operation that others can see.
  class Upload final : public storage::ObjectUpload {
   public:
    Upload(ActorStore& store, std::unique_ptr<storage::ObjectUpload> inner) : store_(store), inner_(std::move(inner)) {}
    Result<void> append(ByteView bytes) override { return inner_->append(bytes); }
    Result<void> finish() override {
      return store_.schedule_.step(store_.actor_, [&] { return inner_->finish(); });
    }

   private:
    ActorStore& store_;
    std::unique_ptr<storage::ObjectUpload> inner_;
  };

  storage::ObjectStore& inner_;
  Schedule& schedule_;
  size_t actor_;
};

}  // namespace spendsync::retention
