#include "base/token_bucket.h"

#include <algorithm>

namespace spendsync {

TokenBucket::TokenBucket(Settings settings, const Clock& clock) : settings_(settings), clock_(clock) {
  CHECK(settings_.bytes_per_second > 0);
  constexpr uint64_t kBurstsASecond = 4;
  if (settings_.burst_bytes == 0) {
    settings_.burst_bytes = std::max<uint64_t>(settings_.bytes_per_second / kBurstsASecond, 1);
  }
  paid_until_ = clock_.monotonic() - duration_of(settings_.burst_bytes);
}

Result<void> TokenBucket::take(uint64_t bytes, std::stop_token stop) {
  std::chrono::nanoseconds wait{0};
  {
    std::lock_guard lock(mutex_);
    const auto now = clock_.monotonic();
    paid_until_ = std::max(paid_until_, now - duration_of(settings_.burst_bytes)) + duration_of(bytes);
    wait = paid_until_ - now;
  }
  if (wait <= std::chrono::nanoseconds(0)) return ok();
  return clock_.sleep_for(std::chrono::ceil<std::chrono::milliseconds>(wait), stop);
}

/// In floating point: bytes times 1e9 would overflow, and a rounding of microseconds does no harm.
std::chrono::nanoseconds TokenBucket::duration_of(uint64_t bytes) const {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(settings_.bytes_per_second);
  constexpr double kLongest = 3e9;  // seconds; what a nanosecond count can hold
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(std::min(seconds, kLongest)));
}

}  // namespace spendsync
