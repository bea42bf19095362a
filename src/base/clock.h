// Time and randomness as collaborators, so that tests decide both.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;                       // UTC wall clock
  virtual std::chrono::nanoseconds monotonic() const = 0;  // for durations; never steps
  /// Sleeps; returns early, with `cancelled`, when asked to stop.
  virtual Result<void> sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const = 0;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  std::chrono::nanoseconds monotonic() const override;
  Result<void> sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const override;
};

/// Starts where told and moves only when told; sleep_for moves it. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start);
  void advance(std::chrono::microseconds by);
  void set(Timestamp time);
  Timestamp now() const override;
  std::chrono::nanoseconds monotonic() const override;
  Result<void> sleep_for(std::chrono::milliseconds duration, std::stop_token stop) const override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Thread-safe. The system's is getrandom(2) and never fails once it has started.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void fill(MutableBytes out) = 0;
  uint64_t next_u64();
};

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
};

/// Repeatable bytes from a seed. For tests only: never for keys.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void fill(MutableBytes out) override;

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace spendsync
