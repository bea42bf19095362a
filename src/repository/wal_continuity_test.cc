#include "repository/wal_continuity.h"

#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

constexpr uint32_t kSegmentSize = 1u << 20;

SegmentName segment(uint64_t number, uint32_t timeline = 1) { return {{timeline}, number}; }
SegmentEdges edges(uint64_t first_previous, uint64_t last) {
  return {Lsn{first_previous}, Lsn{last}, Lsn{last}, std::nullopt, std::nullopt};
}

TEST(WalContinuity, HoldsWhereEachSegmentNamesTheLastRecordBeforeIt) {
  WalContinuity continuity;
  EXPECT_FALSE(continuity.add(segment(3), edges(0x2ff000, 0x3ff000)));
  EXPECT_FALSE(continuity.add(segment(4), edges(0x3ff000, 0x4ff000)));
  EXPECT_FALSE(continuity.add(segment(5, 2), edges(0x4ff000, 0x5ff000))) << "a newer timeline goes on in the same way";
}

TEST(WalContinuity, BreaksWhereAnotherServersWalFollows) {
  WalContinuity continuity;
  continuity.add(segment(3), edges(0x2ff000, 0x3ff000));
  auto found = continuity.add(segment(4), edges(0x3fe000, 0x4ff000));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->before, segment(3));
  EXPECT_EQ(found->after, segment(4));
  EXPECT_EQ(found->describe(kSegmentSize),
            "WAL segment 000000010000000000000004 does not go on where 000000010000000000000003 ends: its first record "
            "follows one at 0/3FE000, the last one before it begins at 0/3FF000");
  EXPECT_FALSE(continuity.add(segment(5), edges(0x4ff000, 0x5ff000))) << "what follows the break holds together";
}

TEST(WalContinuity, ARecordThatWasGivenUpInACrashIsFollowedByTheOneAfterTheLastWholeOne) {
  SegmentEdges crashed{Lsn{0x2ff000}, Lsn{0x3ff800}, Lsn{0x3ff000}, std::nullopt, std::nullopt};
  WalContinuity overwritten;
  overwritten.add(segment(3), crashed);
  EXPECT_FALSE(overwritten.add(segment(4), edges(0x3ff000, 0x4ff000)));
  WalContinuity completed;
  completed.add(segment(3), crashed);
  EXPECT_FALSE(completed.add(segment(4), edges(0x3ff800, 0x4ff000)));
  WalContinuity another;
  another.add(segment(3), crashed);
  EXPECT_TRUE(another.add(segment(4), edges(0x3fe000, 0x4ff000)));
}

TEST(WalContinuity, ASegmentInsideOneLongRecordLeavesTheOneBeforeItToBeFollowed) {
  WalContinuity continuity;
  continuity.add(segment(3), SegmentEdges{Lsn{0x2ff000}, Lsn{0x3ff800}, Lsn{0x3ff000}, std::nullopt, std::nullopt});
  EXPECT_FALSE(continuity.add(segment(4), SegmentEdges{}));
  EXPECT_TRUE(WalContinuity(continuity).add(segment(5), edges(0x3ff900, 0x5ff000)));
  EXPECT_FALSE(continuity.add(segment(5), edges(0x3ff800, 0x5ff000)));
}

TEST(WalContinuity, BreaksWhereOtherRecordsStandAtTheSamePositions) {
  auto with_tails = [](uint64_t first_previous, uint64_t last, std::optional<uint64_t> tail,
                       std::optional<uint64_t> previous_tail) {
    return SegmentEdges{Lsn{first_previous}, Lsn{last}, Lsn{last}, tail, previous_tail};
  };
  WalContinuity continuity;
  continuity.add(segment(3), with_tails(0x2ff000, 0x3ff000, 7, std::nullopt));
  EXPECT_FALSE(WalContinuity(continuity).add(segment(4), with_tails(0x3ff000, 0x4ff000, 8, 7)));
  EXPECT_FALSE(WalContinuity(continuity).add(segment(4), with_tails(0x3ff000, 0x4ff000, 8, std::nullopt)));
  auto found = continuity.add(segment(4), with_tails(0x3ff000, 0x4ff000, 8, 9));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->describe(kSegmentSize),
            "WAL segment 000000010000000000000004 does not go on where 000000010000000000000003 ends: the records "
            "before its first one are others than the last ones there");
}

TEST(WalContinuity, BeginsAnewAfterAGap) {
  WalContinuity continuity;
  continuity.add(segment(3), edges(0x2ff000, 0x3ff000));
  EXPECT_FALSE(continuity.add(segment(5), edges(0x4fe000, 0x5ff000)));
}

TEST(FindBreaks, ReadsTheHeadsOfWhatIsStored) {
  SampleWorld world;
  auto repository = world.open();
  WalArchive archive(*repository, {});
  auto put = [&](uint64_t number, SegmentEdges joined) {
    WalSegmentSummary summary;
    summary.edges = joined;
    MUST(archive.put_segment(segment(number), sample_segment(number, *repository), summary));
  };
  put(3, edges(0x2ff000, 0x3ff000));
  put(4, edges(0x3ff000, 0x4ff000));
  put(5, edges(0x4ee000, 0x5ff000));
  EXPECT_EQ(MUST(archive.read_meta(segment(5))).summary.edges, edges(0x4ee000, 0x5ff000));
  EXPECT_TRUE(MUST(find_breaks(archive, {segment(3), segment(4)}, {})).empty());
  auto breaks = MUST(find_breaks(archive, {segment(3), segment(4), segment(5), segment(6)}, {}));
  ASSERT_EQ(breaks.size(), 1u);
  EXPECT_EQ(breaks[0].after, segment(5));
}

}  // namespace
}  // namespace spendsync::repository
