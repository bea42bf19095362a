#include "postgres/wal/timeline_history.h"

#include "base/testing.h"

namespace spendsync::postgres {
namespace {

constexpr const char* kText =
    "1\t0/5000028\tno recovery target specified\n"
    "\n"
    "# a comment\n"
    "2\t0/7ABCDEF0\tbefore 2024-03-15 14:30:00+00\n";

TEST(TimelineHistory, ReadsWhatTheServerWrites) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{4}, kText));
  ASSERT_EQ(history.entries.size(), 3u);
  EXPECT_EQ(history.timeline(), TimelineId{4});
  EXPECT_EQ(history.entries[0].begin, Lsn{0});
  EXPECT_EQ(history.entries[0].end, Lsn{0x5000028});
  EXPECT_EQ(history.entries[1].timeline, TimelineId{2});
  EXPECT_EQ(history.entries[1].begin, Lsn{0x5000028});
  EXPECT_EQ(history.entries[2].begin, Lsn{0x7ABCDEF0});
  EXPECT_EQ(history.entries[2].end, std::nullopt);
}

TEST(TimelineHistory, KnowsWhichTimelineHoldsAPosition) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{4}, kText));
  EXPECT_EQ(history.timeline_at(Lsn{0}), TimelineId{1});
  EXPECT_EQ(history.timeline_at(Lsn{0x5000027}), TimelineId{1});
  EXPECT_EQ(history.timeline_at(Lsn{0x5000028}), TimelineId{2});
  EXPECT_EQ(history.timeline_at(Lsn{0x7ABCDEF0}), TimelineId{4});
}

TEST(TimelineHistory, ASwitchPointLiesOnBothTimelines) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{4}, kText));
  EXPECT_TRUE(history.contains({TimelineId{1}, Lsn{0x5000028}}));
  EXPECT_TRUE(history.contains({TimelineId{2}, Lsn{0x5000028}}));
  EXPECT_FALSE(history.contains({TimelineId{1}, Lsn{0x5000029}}));
  EXPECT_FALSE(history.contains({TimelineId{2}, Lsn{0x5000027}}));
  EXPECT_FALSE(history.contains({TimelineId{3}, Lsn{0x6000000}}));
  EXPECT_TRUE(history.contains({TimelineId{4}, Lsn{UINT64_MAX}}));
}

TEST(TimelineHistory, TheFirstTimelineHasNoFile) {
  TimelineHistory history = initial_history(TimelineId{1});
  EXPECT_EQ(history.timeline_at(Lsn{12345}), TimelineId{1});
  EXPECT_TRUE(history.contains({TimelineId{1}, Lsn{0}}));
}

TEST(TimelineHistory, RefusesWhatTheServerWouldNotWrite) {
  auto kind_of = [](const char* text) { return parse_timeline_history(TimelineId{4}, text); };
  EXPECT_KIND(kind_of("2\t0/5000000\n1\t0/6000000\n"), ErrorKind::corrupt);  // descending
  EXPECT_KIND(kind_of("2\t0/5000000\n2\t0/6000000\n"), ErrorKind::corrupt);  // twice
  EXPECT_KIND(kind_of("1\t0/5000000\n2\t0/4000000\n"), ErrorKind::corrupt);  // back in WAL
  EXPECT_KIND(kind_of("4\t0/5000000\n"), ErrorKind::corrupt);                // itself
  EXPECT_KIND(kind_of("0\t0/5000000\n"), ErrorKind::corrupt);
  EXPECT_KIND(kind_of("1\n"), ErrorKind::corrupt);
  EXPECT_KIND(kind_of("one\t0/5000000\n"), ErrorKind::corrupt);
  EXPECT_KIND(kind_of("4294967296\t0/5000000\n"), ErrorKind::corrupt);
  EXPECT_KIND(kind_of("1\t5000000\n"), ErrorKind::corrupt);
  auto second = kind_of("1\t0/5000000\treason\n\nx\n");
  EXPECT_KIND(second, ErrorKind::corrupt);
  EXPECT_THAT(second.error().message(), ::testing::HasSubstr("line 3"));
}

}  // namespace
}  // namespace spendsync::postgres
