#include "postgres/wal/timeline_history.h"

#include <algorithm>
#include <random>
#include <ranges>

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

// What PostgreSQL's test 028_pitr_timelines makes: recovery towards timeline 2 that ended before timeline 2 began.
constexpr const char* kEndedBeforeItsParentBegan =
    "1\t0/3018CB0\tno recovery target specified\n\n2\t0/3018C48\tat restore point \"rp\"\n";

TEST(TimelineHistory, AnAncestorEndsAtTheSmallestLaterSwitchPoint) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{3}, kEndedBeforeItsParentBegan));
  EXPECT_EQ(history.timeline_at(Lsn{0x3018C47}), TimelineId{1});
  EXPECT_EQ(history.timeline_at(Lsn{0x3018C48}), TimelineId{3});
  EXPECT_EQ(history.timeline_at(Lsn{0x3018CB0}), TimelineId{3});
  EXPECT_TRUE(history.contains({TimelineId{1}, Lsn{0x3018C48}}));
  EXPECT_FALSE(history.contains({TimelineId{1}, Lsn{0x3018C49}}));
  EXPECT_FALSE(history.contains({TimelineId{1}, Lsn{0x3018CB0}}));
  EXPECT_TRUE(history.contains({TimelineId{3}, Lsn{0x3018C48}}));
}

TEST(TimelineHistory, AnAncestorWithoutAStretchHoldsNoWalOfIt) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{3}, kEndedBeforeItsParentBegan));
  ASSERT_EQ(history.entries.size(), 2u);
  EXPECT_EQ(history.entries[0].timeline, TimelineId{1});
  EXPECT_EQ(history.entries[0].end, Lsn{0x3018C48});
  EXPECT_EQ(history.entries[1].begin, Lsn{0x3018C48});
  for (uint64_t lsn : {0x3018C47u, 0x3018C48u, 0x3018C60u, 0x3018CB0u, 0x4000000u}) {
    EXPECT_FALSE(history.contains({TimelineId{2}, Lsn{lsn}})) << lsn;
  }
  EXPECT_FALSE(history.uses_every_ancestor());
  ASSERT_EQ(history.ancestors.size(), 2u);
  EXPECT_EQ(history.ancestors[1].timeline, TimelineId{2});
  EXPECT_EQ(history.ancestors[1].switch_point, Lsn{0x3018C48});
}

TEST(TimelineHistory, KnowsWhereItLeftEachAncestor) {
  TimelineHistory strange = MUST(parse_timeline_history(TimelineId{3}, kEndedBeforeItsParentBegan));
  EXPECT_EQ(strange.left_at(TimelineId{1}), Lsn{0x3018C48});
  EXPECT_EQ(strange.left_at(TimelineId{2}), Lsn{0x3018C48});
  EXPECT_EQ(strange.left_at(TimelineId{3}), std::nullopt);
  TimelineHistory plain = MUST(parse_timeline_history(TimelineId{4}, kText));
  EXPECT_TRUE(plain.uses_every_ancestor());
  EXPECT_EQ(plain.left_at(TimelineId{1}), Lsn{0x5000028});
  EXPECT_EQ(plain.left_at(TimelineId{2}), Lsn{0x7ABCDEF0});
  EXPECT_EQ(plain.left_at(TimelineId{3}), std::nullopt);
}

TEST(TimelineHistory, ATimelineThatEndedWhereItBeganHoldsThatPoint) {
  TimelineHistory history = MUST(parse_timeline_history(TimelineId{3}, "1\t0/5000000\n2\t0/5000000\n"));
  EXPECT_TRUE(history.contains({TimelineId{2}, Lsn{0x5000000}}));
  EXPECT_EQ(history.timeline_at(Lsn{0x5000000}), TimelineId{3});
}

/// PostgreSQL's rule, said directly: every line gives its timeline the WAL from the line before's switch point (the
/// first: from the beginning) up to its own; of all that claim a position the newest has it.
TimelineId newest_that_claims(const std::vector<uint64_t>& switch_points, uint64_t lsn) {
  size_t timeline = switch_points.size() + 1;
  for (; timeline > 1; --timeline) {
    const bool begun = switch_points[timeline - 2] <= lsn;
    const bool ended = timeline <= switch_points.size() && switch_points[timeline - 1] <= lsn;
    if (begun && !ended) break;
  }
  return TimelineId{static_cast<uint32_t>(timeline)};
}

TEST(TimelineHistory, FollowsPostgresRuleForAnySwitchPoints) {
  std::mt19937_64 random(28);
  size_t strange = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint64_t> switch_points(random() % 6);
    std::string text;
    for (size_t i = 0; i < switch_points.size(); ++i) {
      switch_points[i] = 1 + random() % 12;
      text += std::to_string(i + 1) + "\t" + Lsn{switch_points[i]}.to_string() + "\n";
    }
    TimelineId self{static_cast<uint32_t>(switch_points.size() + 1)};
    TimelineHistory history = MUST(parse_timeline_history(self, text));
    if (!history.uses_every_ancestor()) ++strange;
    for (uint64_t lsn = 0; lsn < 15; ++lsn) {
      const TimelineId expected = newest_that_claims(switch_points, lsn);
      ASSERT_EQ(history.timeline_at(Lsn{lsn}), expected) << text << "at " << lsn;
      for (uint32_t id = 1; id <= self.value + 1; ++id) {
        // A timeline holds a position when it holds the byte behind it; also where it ended, and where it began.
        const bool before = lsn > 0 && newest_that_claims(switch_points, lsn - 1) == TimelineId{id};
        const bool point =
            id > 1 && id <= switch_points.size() && switch_points[id - 2] == lsn &&
            std::ranges::min(std::ranges::subrange(switch_points.begin() + id - 1, switch_points.end())) == lsn;
        ASSERT_EQ(history.contains({TimelineId{id}, Lsn{lsn}}), before || point || expected == TimelineId{id})
            << text << "timeline " << id << " at " << lsn;
      }
    }
    for (size_t i = 0; i + 1 < history.entries.size(); ++i) {
      ASSERT_EQ(history.entries[i].end, history.entries[i + 1].begin) << text;
    }
  }
  EXPECT_GT(strange, 500u);
}

TEST(TimelineHistory, RefusesWhatTheServerWouldNotWrite) {
  auto kind_of = [](const char* text) { return parse_timeline_history(TimelineId{4}, text); };
  EXPECT_KIND(kind_of("2\t0/5000000\n1\t0/6000000\n"), ErrorKind::corrupt);  // descending
  EXPECT_KIND(kind_of("2\t0/5000000\n2\t0/6000000\n"), ErrorKind::corrupt);  // twice
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
