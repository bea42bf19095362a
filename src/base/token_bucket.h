// A rate in bytes a second that several threads share.
#pragma once

#include <mutex>
#include <stop_token>

#include "base/clock.h"

namespace spendsync {

/// Lets `bytes_per_second` through, and after a pause at most `burst_bytes` at once. A request may be larger than the
/// burst: it waits its share. Threads are served in the order in which they asked. Thread-safe.
class TokenBucket {
 public:
  struct Settings {
    uint64_t bytes_per_second = 0;  // at least 1
    uint64_t burst_bytes = 0;       // 0: a quarter of a second's
  };
  /// `clock` outlives it.
  TokenBucket(Settings settings, const Clock& clock);
  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  /// Returns when `bytes` may pass. Errors: cancelled; what was asked for is then given back to nobody.
  Result<void> take(uint64_t bytes, std::stop_token stop);

 private:
  std::chrono::nanoseconds duration_of(uint64_t bytes) const;
  Settings settings_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  /// When all that was granted will have passed at this rate; behind now by at most the burst.
  std::chrono::nanoseconds paid_until_;
};

}  // namespace spendsync
