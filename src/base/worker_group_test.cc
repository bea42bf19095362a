#include "base/worker_group.h"

#include <pthread.h>

#include <array>
#include <atomic>
#include <latch>
#include <stdexcept>

#include "base/bounded_queue.h"
#include "base/testing.h"

namespace spendsync {
namespace {

using testing::HasSubstr;

/// Waits until the group is told to stop.
Result<void> wait_for_stop(std::stop_token stop) {
  BoundedQueue<int> never(1);
  TRY(never.pop(stop));
  return {};
}

TEST(WorkerGroup, JoinWaitsForAll) {
  std::atomic<int> finished{0};
  WorkerGroup group({});
  for (int index = 0; index < 8; index++) {
    group.spawn("worker", [&](std::stop_token) -> Result<void> {
      finished++;
      return {};
    });
  }
  EXPECT_OK(group.join());
  EXPECT_EQ(finished, 8);
}

TEST(WorkerGroup, TheFirstErrorStopsTheOthersAndIsReturned) {
  WorkerGroup group({});
  std::atomic<int> stopped{0};
  for (int index = 0; index < 3; index++) {
    group.spawn("waiter", [&](std::stop_token stop) {
      auto result = wait_for_stop(stop);
      stopped++;
      return result;
    });
  }
  group.spawn("failing", [](std::stop_token) -> Result<void> { return Error(ErrorKind::exhausted, "disk full"); });
  auto result = group.join();
  EXPECT_KIND(result, ErrorKind::exhausted);
  EXPECT_EQ(result.error().message(), "disk full");
  EXPECT_EQ(stopped, 3);
}

TEST(WorkerGroup, AnErrorAfterTheFirstIsNotTheCause) {
  WorkerGroup group({});
  group.spawn("later", [](std::stop_token stop) -> Result<void> {
    static_cast<void>(wait_for_stop(stop));
    return Error(ErrorKind::internal, "consequence");
  });
  group.spawn("first", [](std::stop_token) -> Result<void> { return Error(ErrorKind::corrupt, "cause"); });
  EXPECT_EQ(group.join().error().message(), "cause");
}

TEST(WorkerGroup, ACancelledNeighbourDoesNotHideTheCause) {
  WorkerGroup group({});
  std::latch cancelled_first(1);
  group.spawn("producer", [&](std::stop_token) -> Result<void> {
    cancelled_first.count_down();
    return Error(ErrorKind::cancelled, "queue closed");
  });
  group.spawn("consumer", [&](std::stop_token stop) -> Result<void> {
    cancelled_first.wait();
    static_cast<void>(wait_for_stop(stop));
    return Error(ErrorKind::denied, "cause");
  });
  EXPECT_EQ(group.join().error().message(), "cause");
}

TEST(WorkerGroup, AStopFromOutsideIsTheCause) {
  std::stop_source outer;
  WorkerGroup group(outer.get_token());
  std::latch cancelled_first(1);
  group.spawn("waiter", [&](std::stop_token stop) {
    auto result = wait_for_stop(stop);
    cancelled_first.count_down();
    return result;
  });
  outer.request_stop();
  cancelled_first.wait();
  auto result = group.join();
  EXPECT_KIND(result, ErrorKind::cancelled);
  EXPECT_TRUE(group.stop_token().stop_requested());
}

TEST(WorkerGroup, AnOuterTokenStoppedBeforehandStopsAtOnce) {
  std::stop_source outer;
  outer.request_stop();
  WorkerGroup group(outer.get_token());
  group.spawn("waiter", wait_for_stop);
  EXPECT_KIND(group.join(), ErrorKind::cancelled);
}

TEST(WorkerGroup, EscapedExceptionsBecomeInternalErrors) {
  WorkerGroup group({});
  group.spawn("thrower", [](std::stop_token) -> Result<void> { throw std::runtime_error("oops"); });
  auto result = group.join();
  EXPECT_KIND(result, ErrorKind::internal);
  EXPECT_THAT(result.error().message(), HasSubstr("thrower"));
  EXPECT_THAT(result.error().message(), HasSubstr("oops"));
}

TEST(WorkerGroup, DestroyingItStopsAndJoins) {
  std::atomic<bool> ended{false};
  {
    WorkerGroup group({});
    group.spawn("waiter", [&](std::stop_token stop) {
      auto result = wait_for_stop(stop);
      ended = true;
      return result;
    });
  }
  EXPECT_TRUE(ended);
}

TEST(WorkerGroup, ThreadsCarryTheirNames) {
  std::array<char, 16> name{};
  WorkerGroup group({});
  group.spawn("a-name-that-is-too-long", [&](std::stop_token) -> Result<void> {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return {};
  });
  ASSERT_OK(group.join());
  EXPECT_STREQ(name.data(), "a-name-that-is-");
}

TEST(AvailableCores, IsAtLeastOne) { EXPECT_GE(available_cores(), 1u); }

}  // namespace
}  // namespace spendsync
