#include "base/clock.h"

#include <thread>

#include "base/testing.h"
#include "base/time.h"

namespace spendsync {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(MUST(parse_rfc3339("2024-03-15T14:30:00Z")));
  EXPECT_EQ(clock.monotonic(), 0ns);
  clock.advance(90s);
  EXPECT_EQ(format_utc(clock.now()), "2024-03-15T14:31:30Z");
  EXPECT_EQ(clock.monotonic(), 90s);
  EXPECT_OK(clock.sleep_for(500ms, {}));
  EXPECT_EQ(format_utc(clock.now()), "2024-03-15T14:31:30.5Z");
}

TEST(ManualClock, SettingTheWallClockBackDoesNotMoveTheMonotonicOne) {
  ManualClock clock(MUST(parse_rfc3339("2024-03-15T14:30:00Z")));
  clock.advance(10s);
  clock.set(MUST(parse_rfc3339("2020-01-01T00:00:00Z")));
  EXPECT_EQ(format_utc(clock.now()), "2020-01-01T00:00:00Z");
  EXPECT_EQ(clock.monotonic(), 10s);
}

TEST(ManualClock, DoesNotSleepWhenStopped) {
  ManualClock clock{Timestamp()};
  std::stop_source source;
  source.request_stop();
  EXPECT_KIND(clock.sleep_for(1s, source.get_token()), ErrorKind::cancelled);
  EXPECT_EQ(clock.now(), Timestamp());
}

TEST(SystemClock, SleepsAndWakesWhenStopped) {
  SystemClock clock;
  auto before = clock.monotonic();
  EXPECT_OK(clock.sleep_for(5ms, {}));
  EXPECT_GE(clock.monotonic() - before, 5ms);
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_KIND(clock.sleep_for(1h, source.get_token()), ErrorKind::cancelled);
  EXPECT_LT(clock.monotonic() - before, 60s);
  EXPECT_GT(clock.now(), MUST(parse_rfc3339("2024-01-01T00:00:00Z")));
}

TEST(SeededRandom, RepeatsForASeedAndDiffersBetweenSeeds) {
  Bytes first(37);
  Bytes again(37);
  Bytes other(37);
  SeededRandom(1).fill(first);
  SeededRandom(1).fill(again);
  SeededRandom(2).fill(other);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  SeededRandom running(1);
  EXPECT_NE(running.next_u64(), running.next_u64());
}

TEST(SystemRandom, FillsEveryByte) {
  SystemRandom random;
  Bytes seen(4096);
  for (int round = 0; round < 8; round++) {
    Bytes bytes(4096);
    random.fill(bytes);
    for (size_t index = 0; index < bytes.size(); index++) seen[index] |= bytes[index];
  }
  EXPECT_EQ(std::ranges::count(seen, std::byte{0}), 0);
  EXPECT_NE(random.next_u64(), random.next_u64());
}

}  // namespace
}  // namespace spendsync
