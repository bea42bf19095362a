#include "wal/path.h"

#include <map>
#include <random>

#include "base/testing.h"

namespace spendsync::wal {
namespace {

using repository::WalRange;

constexpr uint32_t kSize = 1u << 20;

/// One line of a history file.
struct Line {
  TimelineId timeline;
  Lsn switch_point;
};

/// PostgreSQL's rules, as its code states them and not as ours does: the lines of a file, newest first
/// (access/timeline.c, readTimeLineHistory; tliOfPointInHistory; access/xlogrecovery.c, XLogFileReadAnyTLI).
class Rules {
 public:
  Rules(TimelineId target, const std::vector<Line>& lines) {
    // Each line ends its timeline there and begins the next one; the newest comes first.
    Lsn begin{0};
    for (const auto& line : lines) {
      entries_.insert(entries_.begin(), {line.timeline, begin, line.switch_point});
      begin = line.switch_point;
    }
    entries_.insert(entries_.begin(), {target, begin, std::nullopt});
  }
  /// "The timeline that contains a position": the first entry, newest first, with begin <= position < end.
  TimelineId timeline_of(Lsn position) const {
    for (const auto& entry : entries_) {
      if (entry.begin <= position && (!entry.end || position < *entry.end)) return entry.timeline;
    }
    ADD_FAILURE() << "no timeline holds " << position.to_string();
    return {};
  }
  /// "Try the newest timeline first, and skip a timeline that begins behind the segment."
  TimelineId timeline_of_segment(uint64_t number) const {
    for (const auto& entry : entries_) {
      if (entry.begin.value / kSize <= number) return entry.timeline;
    }
    ADD_FAILURE() << "no timeline holds segment " << number;
    return {};
  }

 private:
  struct Entry {
    TimelineId timeline;
    Lsn begin;
    std::optional<Lsn> end;
  };
  std::vector<Entry> entries_;
};

/// A tree of timelines: each leaves an older one somewhere, most near segment borders, some before that one began.
struct Tree {
  std::map<TimelineId, std::vector<Line>> files;

  explicit Tree(std::mt19937& random) {
    files[TimelineId{1}] = {};
    const auto count = static_cast<uint32_t>(2 + random() % 7);
    for (uint32_t id = 2; id <= count; ++id) {
      TimelineId parent{1 + static_cast<uint32_t>(random() % (id - 1))};
      auto lines = files[parent];
      uint64_t where = (1 + random() % 20) * kSize;
      if (random() % 3 != 0) where += random() % kSize;
      if (random() % 4 == 0) --where;
      lines.push_back({parent, Lsn{where}});
      files[TimelineId{id}] = lines;
    }
  }
};

WalPath path_of(TimelineId timeline, const std::vector<Line>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += std::to_string(line.timeline.value) + "\t" + line.switch_point.to_string() + "\twhy\n";
  }
  return {MUST(postgres::parse_timeline_history(timeline, text)), kSize};
}

TEST(WalPath, ReadsWhatPostgresReadsOverRandomTreesOfTimelines) {
  for (uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (const auto& [timeline, lines] : Tree(random).files) {
      const Rules rules(timeline, lines);
      const WalPath path = path_of(timeline, lines);
      for (uint64_t number = 0; number <= 24; ++number) {
        ASSERT_EQ(path.at(number), (SegmentName{rules.timeline_of_segment(number), number}));
      }
      for (int i = 0; i < 40; ++i) {
        Lsn lsn{random() % (24u * kSize)};
        if (!lines.empty() && random() % 3 == 0) lsn = lines[random() % lines.size()].switch_point;
        ASSERT_EQ(path.history().timeline_at(lsn), rules.timeline_of(lsn)) << lsn.to_string();
        ASSERT_TRUE(path.contains({rules.timeline_of(lsn), lsn})) << lsn.to_string();
      }
    }
  }
}

TEST(WalPath, RangesAndRunsAreTheSameWay) {
  for (uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (const auto& [timeline, lines] : Tree(random).files) {
      const WalPath path = path_of(timeline, lines);
      Lsn from{random() % (22u * kSize)};
      Lsn until{from.value + 1 + random() % (3u * kSize)};
      const auto ranges = MUST(path.ranges(from, until));
      ASSERT_EQ(ranges.front().from, from);
      ASSERT_EQ(ranges.back().to, until);
      for (size_t i = 0; i < ranges.size(); ++i) {
        if (i > 0) {
          ASSERT_EQ(ranges[i - 1].to, ranges[i].from);
        }
        ASSERT_LT(ranges[i].from, ranges[i].to);
        ASSERT_EQ(path.history().timeline_at(ranges[i].from), ranges[i].timeline);
        ASSERT_EQ(path.history().timeline_at(Lsn{ranges[i].to.value - 1}), ranges[i].timeline);
      }
      // The segments of the ranges are those of the path, but that the last may be of a timeline that begins behind
      // the end and copies what lies before it.
      std::vector<SegmentName> by_range;
      for (const auto& run : segments_of(ranges, kSize)) {
        for (SegmentName name = run.first; name <= run.last; name = name.next()) by_range.push_back(name);
      }
      std::vector<SegmentName> by_number;
      for (const auto& run : path.runs(from.value / kSize, (until.value - 1) / kSize)) {
        for (SegmentName name = run.first; name <= run.last; name = name.next()) by_number.push_back(name);
      }
      ASSERT_EQ(by_range.size(), by_number.size());
      for (size_t i = 0; i + 1 < by_range.size(); ++i) ASSERT_EQ(by_range[i], by_number[i]);
      ASSERT_EQ(by_range.back().number, by_number.back().number);
    }
  }
}

TEST(WalPath, RangesSinceAPositionThatWasLeftAreOfTheTimelinesAfterIt) {
  // 1 to 0/580000, 2 to 0/800000, then 4.
  const WalPath path =
      path_of(TimelineId{4}, {{TimelineId{1}, Lsn{5 * kSize + kSize / 2}}, {TimelineId{2}, Lsn{8 * kSize}}});
  const WalRange second{TimelineId{2}, Lsn{5 * kSize + kSize / 2}, Lsn{8 * kSize}};
  const WalRange fourth{TimelineId{4}, Lsn{8 * kSize}, Lsn{9 * kSize}};
  const Lsn until{9 * kSize};
  EXPECT_EQ(path.ranges_since({TimelineId{1}, Lsn{6 * kSize}}, until), (std::vector{second, fourth}));
  EXPECT_EQ(path.ranges_since({TimelineId{3}, Lsn{9 * kSize}}, until), (std::vector{fourth}));
  EXPECT_EQ(path.ranges_since({TimelineId{5}, Lsn{1}}, until), (std::vector<WalRange>{}));
  EXPECT_EQ(path.ranges_since({TimelineId{4}, until}, until), (std::vector<WalRange>{}));
}

}  // namespace
}  // namespace spendsync::wal
