#include "wal/range.h"

#include "base/time.h"
#include "wal/testing/test_wal.h"
#include "wal/uploader.h"

namespace spendsync::wal {
namespace {

constexpr uint32_t kSize = SmallWal::kSegmentSize;
using repository::WalRange;

Lsn in_segment(uint64_t number, uint64_t offset = 0) { return Lsn{number * kSize + offset}; }

WalPath two_forks() {
  // 1 until the middle of segment 5, 2 until the beginning of segment 8, then 4.
  auto history = MUST(postgres::parse_timeline_history(TimelineId{4}, "1\t0/580000\tx\n2\t0/800000\ty\n"));
  return {history, kSize};
}

TEST(WalRanges, MakesOneRangeATimeline) {
  auto ranges = MUST(two_forks().ranges({TimelineId{1}, in_segment(3, 100)}, in_segment(9, 7)));
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0], (WalRange{TimelineId{1}, in_segment(3, 100), Lsn{0x580000}}));
  EXPECT_EQ(ranges[1], (WalRange{TimelineId{2}, Lsn{0x580000}, Lsn{0x800000}}));
  EXPECT_EQ(ranges[2], (WalRange{TimelineId{4}, Lsn{0x800000}, in_segment(9, 7)}));
}

TEST(WalRanges, AnEmptyRangeIsStillARange) {
  auto ranges = MUST(two_forks().ranges({TimelineId{4}, in_segment(9)}, in_segment(9)));
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0], (WalRange{TimelineId{4}, in_segment(9), in_segment(9)}));
}

TEST(WalRanges, EndsOnAnOlderTimeline) {
  auto ranges = MUST(two_forks().ranges({TimelineId{1}, in_segment(3)}, in_segment(4)));
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0], (WalRange{TimelineId{1}, in_segment(3), in_segment(4)}));
}

TEST(WalRanges, RefusesABranchThatWasLeft) {
  EXPECT_KIND(two_forks().ranges({TimelineId{1}, in_segment(6)}, in_segment(9)), ErrorKind::refused);
  EXPECT_KIND(two_forks().ranges({TimelineId{3}, in_segment(6)}, in_segment(9)), ErrorKind::refused);
  EXPECT_KIND(two_forks().ranges({TimelineId{4}, in_segment(9)}, in_segment(8)), ErrorKind::refused);
}

TEST(WalRanges, PassesOverAnAncestorThatEndedBeforeItBegan) {
  auto history = MUST(postgres::parse_timeline_history(TimelineId{3}, "1\t0/780000\tx\n2\t0/580000\ty\n"));
  const WalPath path(history, kSize);
  auto ranges = MUST(path.ranges({TimelineId{1}, in_segment(3)}, in_segment(9)));
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0], (WalRange{TimelineId{1}, in_segment(3), Lsn{0x580000}}));
  EXPECT_EQ(ranges[1], (WalRange{TimelineId{3}, Lsn{0x580000}, in_segment(9)}));
  auto runs = segments_of(ranges, kSize);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].last, (SegmentName{TimelineId{1}, 4}));
  EXPECT_EQ(runs[1].first, (SegmentName{TimelineId{3}, 5}));
  EXPECT_KIND(path.ranges({TimelineId{1}, in_segment(6)}, in_segment(9)), ErrorKind::refused);
  EXPECT_KIND(path.ranges({TimelineId{2}, in_segment(8)}, in_segment(9)), ErrorKind::refused);
}

TEST(WalRanges, NothingIsSaidOfATimelineThatBeginsBehindTheEnd) {
  auto ranges = MUST(two_forks().ranges({TimelineId{1}, in_segment(3)}, in_segment(3)));
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0], (WalRange{TimelineId{1}, in_segment(3), in_segment(3)}));
}

TEST(SegmentsOf, TakesTheForksSegmentFromTheNewTimeline) {
  auto ranges = MUST(two_forks().ranges({TimelineId{1}, in_segment(3, 100)}, in_segment(9, 7)));
  auto runs = segments_of(ranges, kSize);
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].first, (SegmentName{TimelineId{1}, 3}));
  EXPECT_EQ(runs[0].last, (SegmentName{TimelineId{1}, 4}));
  EXPECT_EQ(runs[1].first, (SegmentName{TimelineId{2}, 5}));
  EXPECT_EQ(runs[1].last, (SegmentName{TimelineId{2}, 7}));
  EXPECT_EQ(runs[2].first, (SegmentName{TimelineId{4}, 8}));
  EXPECT_EQ(runs[2].last, (SegmentName{TimelineId{4}, 9}));
}

TEST(SegmentsOf, AnEndOnABoundaryNeedsNothingBehindIt) {
  std::vector<WalRange> ranges{{TimelineId{1}, in_segment(3), in_segment(5)}};
  auto runs = segments_of(ranges, kSize);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].last.number, 4u);
  EXPECT_TRUE(segments_of({{TimelineId{1}, in_segment(5), in_segment(5)}}, kSize).empty());
}

TEST(MissingSegments, NamesEveryHole) {
  SmallWal wal;
  wal.put_any(TimelineId{1}, 3, 4);
  wal.put_any(TimelineId{1}, 7, 7);
  std::vector<WalRange> ranges{{TimelineId{1}, in_segment(2, 5), in_segment(9, 1)}};
  auto missing = MUST(missing_segments(*wal.archive, ranges, kSize));
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(missing[0].first.number, 2u);
  EXPECT_EQ(missing[0].last.number, 2u);
  EXPECT_EQ(missing[1].first.number, 5u);
  EXPECT_EQ(missing[1].last.number, 6u);
  EXPECT_EQ(missing[2].first.number, 8u);
  EXPECT_EQ(missing[2].last.number, 9u);
}

TEST(MissingSegments, AnotherTimelinesSegmentIsNoSubstitute) {
  SmallWal wal;
  wal.put_any(TimelineId{1}, 3, 9);
  wal.put_any(TimelineId{2}, 6, 7);
  wal.put_any(TimelineId{4}, 8, 9);
  auto ranges = MUST(two_forks().ranges({TimelineId{1}, in_segment(3, 100)}, in_segment(9, 7)));
  auto missing = MUST(missing_segments(*wal.archive, ranges, kSize));
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].first, (SegmentName{TimelineId{2}, 5}));
  EXPECT_EQ(missing[0].last, (SegmentName{TimelineId{2}, 5}));
  wal.put_any(TimelineId{2}, 5, 5);
  EXPECT_TRUE(MUST(missing_segments(*wal.archive, ranges, kSize)).empty());
  EXPECT_EQ(MUST(measure_stored(*wal.archive, ranges, kSize)).segments, 7u);
}

Timestamp minute(int number) { return Timestamp(std::chrono::minutes(29000000 + number)); }

class FindCommits : public ::testing::Test {
 protected:
  /// Stores the builder's segments with the summaries that single segments give.
  void store(postgres::WalBuilder& builder, uint64_t first, uint64_t last, bool with_summaries = true) {
    for (uint64_t number = first; number <= last; ++number) {
      repository::WalSegmentSummary summary;
      Bytes content = builder.segment(number);
      postgres::CommitScanner scanner({kSize, 15});
      if (with_summaries) {
        summary = MUST(summarize_segment(scanner, builder.name(number), content, kSize));
      }
      wal_.put(builder.name(number), content, summary);
    }
  }
  Result<CommitSpan> find(Lsn from, Lsn until) {
    return find_commits(*wal_.archive, {{TimelineId{1}, from, until}}, {kSize, 15}, {});
  }
  SmallWal wal_;
};

TEST_F(FindCommits, FindsFirstAndLastWithinTheRange) {
  auto builder = SmallWal::builder();
  builder.commit(1, minute(1));
  Lsn from = builder.position();
  builder.fill_segment();
  builder.commit(2, minute(2));
  Lsn first_end = builder.position();
  builder.fill_segment();
  builder.commit(3, minute(3));
  Lsn last_end = builder.position();
  builder.fill_segment();
  builder.fill_segment();
  Lsn until = in_segment(7);
  builder.commit(4, minute(4));
  builder.fill_segment();
  store(builder, 3, 6);
  auto span = MUST(find(from, until));
  ASSERT_TRUE(span.first && span.last);
  EXPECT_EQ(*span.first, (repository::CommitPoint{minute(2), first_end}));
  EXPECT_EQ(*span.last, (repository::CommitPoint{minute(3), last_end}));
}

TEST_F(FindCommits, SeesACommitThatCrossesASegmentsEnd) {
  auto builder = SmallWal::builder();
  builder.commit(1, minute(1));
  while (in_segment(4).value - builder.position().value > 24) builder.fill(1);
  ASSERT_GT(in_segment(4), builder.position());
  builder.commit(2, minute(2));  // 36 bytes and more
  Lsn end = builder.position();
  ASSERT_GT(end, in_segment(4));
  builder.fill_segment();
  store(builder, 3, 4);
  auto span = MUST(find(in_segment(3), in_segment(5)));
  EXPECT_EQ(*span.last, (repository::CommitPoint{minute(2), end}));
}

TEST_F(FindCommits, NeedsNoSummaries) {
  auto builder = SmallWal::builder();
  builder.commit(1, minute(1));
  Lsn end = builder.position();
  builder.fill_segment();
  builder.fill_segment();
  builder.fill_segment();
  store(builder, 3, 5, false);
  auto span = MUST(find(in_segment(3), in_segment(6)));
  EXPECT_EQ(span.first, span.last);
  EXPECT_EQ(*span.last, (repository::CommitPoint{minute(1), end}));
}

TEST_F(FindCommits, AnIdleRangeHasNone) {
  auto builder = SmallWal::builder();
  builder.commit(1, minute(1));
  Lsn from = builder.position();
  builder.fill_segment();
  builder.fill_segment();
  store(builder, 3, 4);
  auto span = MUST(find(from, in_segment(5)));
  EXPECT_FALSE(span.first || span.last);
  auto empty = MUST(find(from, from));
  EXPECT_FALSE(empty.first || empty.last);
}

TEST_F(FindCommits, FollowsAFork) {
  auto parent = SmallWal::builder();
  parent.fill_segment();
  parent.commit(1, minute(1));
  auto child = parent;
  Lsn fork = child.position();
  child.set_timeline(TimelineId{2});
  child.commit(2, minute(2));
  Lsn end = child.position();
  child.fill_segment();
  wal_.put(parent.name(3), parent.segment(3));
  wal_.put({TimelineId{2}, 4}, child.segment(4));
  auto history = MUST(postgres::parse_timeline_history(TimelineId{2}, "1\t" + fork.to_string() + "\tx\n"));
  auto ranges = MUST(WalPath(history, kSize).ranges({TimelineId{1}, in_segment(3)}, in_segment(5)));
  auto span = MUST(find_commits(*wal_.archive, ranges, {kSize, 15}, {}));
  EXPECT_EQ(span.first->time, minute(1));
  EXPECT_EQ(*span.last, (repository::CommitPoint{minute(2), end}));
}

TEST_F(FindCommits, ReportsSegmentsThatDoNotBelongTogether) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  builder.fill_segment();
  builder.commit(1, minute(1));
  builder.fill_segment();
  auto other = SmallWal::builder(4);  // another life of the same place
  other.fill(77);
  other.fill_segment();
  wal_.put(builder.name(3), builder.segment(3));
  wal_.put(builder.name(4), other.segment(4));
  wal_.put(builder.name(5), builder.segment(5));
  auto result = find(in_segment(3), in_segment(6));
  EXPECT_KIND(result, ErrorKind::corrupt);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("000000010000000000000004"));
}

}  // namespace
}  // namespace spendsync::wal
