#include "base/clock.h"

#include <sys/random.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>

namespace spendsync {

namespace {

Error stopped() { return {ErrorKind::cancelled, "stopped"}; }

}  // namespace

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::chrono::nanoseconds SystemClock::monotonic() const { return std::chrono::steady_clock::now().time_since_epoch(); }

Result<void> SystemClock::sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const {
  std::mutex mutex;
  std::condition_variable_any never_signalled;
  std::unique_lock lock(mutex);
  never_signalled.wait_for(lock, stop, duration, [] { return false; });
  if (stop.stop_requested()) return stopped();
  return {};
}

struct ManualClock::State {
  std::mutex mutex;
  Timestamp time;
  std::chrono::nanoseconds monotonic{0};
};

ManualClock::ManualClock(Timestamp start) : state_(std::make_shared<State>()) { state_->time = start; }

void ManualClock::advance(std::chrono::microseconds by) {
  std::lock_guard lock(state_->mutex);
  state_->time += by;
  state_->monotonic += by;
}

void ManualClock::set(Timestamp time) {
  std::lock_guard lock(state_->mutex);
  state_->time = time;
}

Timestamp ManualClock::now() const {
  std::lock_guard lock(state_->mutex);
  return state_->time;
}

std::chrono::nanoseconds ManualClock::monotonic() const {
  std::lock_guard lock(state_->mutex);
  return state_->monotonic;
}

Result<void> ManualClock::sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const {
  if (stop.stop_requested()) return stopped();
  std::lock_guard lock(state_->mutex);
  state_->time += duration;
  state_->monotonic += duration;
  return {};
}

uint64_t RandomSource::next_u64() {
  uint64_t value = 0;
  fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    ssize_t filled = getrandom(out.data(), out.size(), 0);
    CHECK(filled > 0 || errno == EINTR);
    if (filled > 0) out = out.subspan(static_cast<size_t>(filled));
  }
}

void SeededRandom::fill(MutableBytes out) {
  // SplitMix64 (Steele, Lea, Flood 2014): a counter and a mixing function, so that calls from several threads stay
  // apart.
  constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  while (!out.empty()) {
    uint64_t mixed = state_.fetch_add(kStep) + kStep;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    size_t size = std::min(out.size(), sizeof mixed);
    std::memcpy(out.data(), &mixed, size);
    out = out.subspan(size);
  }
}

}  // namespace spendsync
