#include "base/token_bucket.h"

#include <thread>
#include <vector>

#include "base/testing.h"

namespace spendsync {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenBucketTest : public ::testing::Test {
 protected:
  milliseconds elapsed() const { return std::chrono::duration_cast<milliseconds>(clock_.monotonic() - begun_); }

  ManualClock clock_{Timestamp(seconds(1'700'000'000))};
  std::chrono::nanoseconds begun_ = clock_.monotonic();
};

TEST_F(TokenBucketTest, LetsTheBurstThroughAtOnceAndTheRestAtTheRate) {
  TokenBucket bucket({.bytes_per_second = 1000, .burst_bytes = 500}, clock_);
  ASSERT_OK(bucket.take(500, {}));
  EXPECT_EQ(elapsed(), milliseconds(0));
  ASSERT_OK(bucket.take(250, {}));
  EXPECT_EQ(elapsed(), milliseconds(250));
  for (int i = 0; i < 10; ++i) ASSERT_OK(bucket.take(1000, {}));
  EXPECT_EQ(elapsed(), milliseconds(10'250));
}

TEST_F(TokenBucketTest, ARequestAboveTheBurstWaitsItsShare) {
  TokenBucket bucket({.bytes_per_second = 1000, .burst_bytes = 100}, clock_);
  ASSERT_OK(bucket.take(5100, {}));
  EXPECT_EQ(elapsed(), seconds(5));
}

TEST_F(TokenBucketTest, APauseEarnsNoMoreThanTheBurst) {
  TokenBucket bucket({.bytes_per_second = 1000, .burst_bytes = 500}, clock_);
  ASSERT_OK(bucket.take(500, {}));
  clock_.advance(std::chrono::hours(1));
  begun_ = clock_.monotonic();
  ASSERT_OK(bucket.take(1500, {}));
  EXPECT_EQ(elapsed(), seconds(1));
}

TEST_F(TokenBucketTest, ThreadsShareTheRate) {
  TokenBucket bucket({.bytes_per_second = 1000, .burst_bytes = 1}, clock_);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 25; ++n) EXPECT_OK(bucket.take(100, {}));
      });
    }
  }
  EXPECT_GE(elapsed(), milliseconds(9'900));
}

TEST_F(TokenBucketTest, StopsWaitingWhenAsked) {
  SystemClock system;
  TokenBucket bucket({.bytes_per_second = 1, .burst_bytes = 1}, system);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_KIND(bucket.take(1000, stop.get_token()), ErrorKind::cancelled);
}

TEST_F(TokenBucketTest, HugeRequestsDoNotOverflow) {
  TokenBucket bucket({.bytes_per_second = UINT64_MAX, .burst_bytes = 0}, clock_);
  ASSERT_OK(bucket.take(UINT64_MAX / 8, {}));
  EXPECT_LT(elapsed(), seconds(1));
}

}  // namespace
}  // namespace spendsync
