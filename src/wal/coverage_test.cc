#include "wal/coverage.h"

#include "wal/testing/test_wal.h"
#include "wal/unsaved.h"

namespace spendsync::wal {
namespace {

using wal::SmallWal;

constexpr TimelineId kOne{1};
const Timestamp kNoon(std::chrono::hours(480000));

class WalCoverageTest : public ::testing::Test {
 protected:
  WalCoverage load() { return MUST(WalCoverage::load(*wal_.archive, wal_.world.identity, {})); }
  /// Segment 3 whole and stored; commits in 3 and in 4, which ends in the middle.
  postgres::WalBuilder written() {
    auto builder = SmallWal::builder();
    builder.commit(7, kNoon);
    builder.fill_segment();
    builder.commit(8, kNoon + std::chrono::seconds(1));
    builder.commit(9, kNoon + std::chrono::seconds(2));
    wal_.put({kOne, 3}, builder.segment(3));
    return builder;
  }
  static Lsn start_of(uint64_t segment) { return Lsn{segment * SmallWal::kSegmentSize}; }
  SmallWal wal_;
};

TEST_F(WalCoverageTest, ReachesIntoThePartialSegmentAtTheEnd) {
  auto builder = written();
  EXPECT_EQ(load().reach(load().path_to(kOne), start_of(3)).end, start_of(4));
  MUST(wal_.archive->put_file("000000010000000000000004.partial", builder.segment(4)));
  auto coverage = load();
  auto path = coverage.path_to(kOne);
  auto reach = coverage.reach(path, start_of(3));
  EXPECT_EQ(reach.end, builder.position());
  EXPECT_FALSE(reach.missing);
  auto last = MUST(coverage.last_commit(path, start_of(3), reach.end));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->time, kNoon + std::chrono::seconds(2));
  auto search = MUST(coverage.search_time(path, start_of(3), reach.end, kNoon + std::chrono::seconds(1)));
  ASSERT_TRUE(search.last && search.next);
  EXPECT_EQ(search.last->transaction, 8u);
  EXPECT_EQ(search.next->transaction, 9u);
}

TEST_F(WalCoverageTest, AWholeSegmentIsPreferredAndADamagedPartialOneIsToldOf) {
  auto builder = written();
  MUST(wal_.archive->put_file("000000010000000000000004.partial", builder.segment(4)));
  builder.fill_segment();
  wal_.put({kOne, 4}, builder.segment(4));
  EXPECT_TRUE(load().inventory().partials.empty());
  EXPECT_EQ(load().reach(load().path_to(kOne), start_of(3)).end, start_of(5));
  for (const auto& key : wal_.world.memory.keys()) {
    if (key.text().ends_with("000000010000000000000004")) MUST(wal_.world.memory.remove(key));
    if (!key.text().ends_with(".partial")) continue;
    auto bytes = MUST(wal_.world.memory.get(key, 64u << 20));
    bytes[bytes.size() / 2] ^= std::byte{1};
    wal_.world.memory.overwrite(key, bytes);
  }
  auto coverage = load();
  EXPECT_EQ(coverage.inventory().warnings.size(), 1u);
  EXPECT_EQ(coverage.reach(coverage.path_to(kOne), start_of(3)).end, start_of(4));
}

TEST_F(WalCoverageTest, WhatOnlyAServerHasCountsAsIfItHadBeenSaved) {
  auto builder = written();
  builder.fill_segment();
  builder.commit(10, kNoon + std::chrono::seconds(3));
  TemporaryDirectory pg_wal = MUST(TemporaryDirectory::create("/tmp", "wal-coverage-"));
  auto write = [&](const char* name, ByteView content) {
    MUST(replace_file(pg_wal.path() + "/" + name, content, 0600));
  };
  write("000000010000000000000003", builder.segment(3));
  write("000000010000000000000004", builder.segment(4));
  write("000000010000000000000005", builder.segment(5));
  write("000000010000000000000006", builder.segment(3));  // recycled: not begun
  EXPECT_EQ(load().reach(load().path_to(kOne), start_of(3)).end, start_of(4));
  auto coverage = MUST(WalCoverage::load(*wal_.archive, wal_.world.identity, {}, pg_wal.path()));
  auto path = coverage.path_to(kOne);
  auto reach = coverage.reach(path, start_of(3));
  EXPECT_EQ(reach.end, builder.position());
  EXPECT_FALSE(reach.missing);
  EXPECT_EQ(coverage.inventory().unsaved.size(), 2u) << "what the repository has is read from there";
  EXPECT_EQ(coverage.inventory().segments.at(kOne).size(), 1u) << "ranges that meet are one";
  auto last = MUST(coverage.last_commit(path, start_of(3), reach.end));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->time, kNoon + std::chrono::seconds(3));
  auto search = MUST(coverage.search_time(path, start_of(3), reach.end, kNoon + std::chrono::seconds(2)));
  ASSERT_TRUE(search.last && search.next);
  EXPECT_EQ(search.last->transaction, 9u);
  EXPECT_EQ(search.next->transaction, 10u);

  // Archived and recycled while the plan is made: it is read from the repository.
  wal_.put({kOne, 4}, builder.segment(4));
  write("000000010000000000000004", builder.segment(5));
  search = MUST(coverage.search_time(path, start_of(3), reach.end, kNoon + std::chrono::seconds(1)));
  ASSERT_TRUE(search.last);
  EXPECT_EQ(search.last->transaction, 8u);
  // So is the one in which the server wrote, of which there is no .partial.
  const auto end = builder.position();
  builder.fill_segment();
  wal_.put({kOne, 5}, builder.segment(5));
  write("000000010000000000000005", builder.segment(4));
  search = MUST(coverage.search_time(path, start_of(3), end, kNoon + std::chrono::seconds(2)));
  ASSERT_TRUE(search.last && search.next);
  EXPECT_EQ(search.next->transaction, 10u);
  EXPECT_KIND(get_partial_or_whole(*wal_.archive, {kOne, 9}, SmallWal::kSegmentSize), ErrorKind::not_found);
}

TEST_F(WalCoverageTest, AServersSegmentsBehindAHoleAreTold) {
  auto builder = written();
  builder.fill_segment();
  builder.commit(10, kNoon);
  TemporaryDirectory pg_wal = MUST(TemporaryDirectory::create("/tmp", "wal-coverage-"));
  MUST(replace_file(pg_wal.path() + "/000000010000000000000005", builder.segment(5), 0600));
  auto coverage = MUST(WalCoverage::load(*wal_.archive, wal_.world.identity, {}, pg_wal.path()));
  EXPECT_EQ(coverage.reach(coverage.path_to(kOne), start_of(3)).end, start_of(4));
}

TEST_F(WalCoverageTest, ATimelineMayHaveNothingButItsPartialSegment) {
  auto builder = written();
  MUST(wal_.archive->put_history(TimelineId{2}, "1\t0/400100\twhy\n"));
  auto second = SmallWal::builder(4);
  second.set_timeline(TimelineId{2});
  second.commit(10, kNoon + std::chrono::seconds(3));
  MUST(wal_.archive->put_file("000000020000000000000004.partial", second.segment(4)));
  auto coverage = load();
  auto reach = coverage.reach(coverage.path_to(TimelineId{2}), start_of(3));
  EXPECT_EQ(reach.end, second.position());
}

TEST_F(WalCoverageTest, TheWayToATimelineLeavesOutAnAncestorThatEndedBeforeItBegan) {
  MUST(wal_.archive->put_history(TimelineId{2}, "1\t0/680000\tx\n"));
  MUST(wal_.archive->put_history(TimelineId{3}, "1\t0/680000\tx\n2\t0/480000\ty\n"));
  wal_.put_any(kOne, 3, 5);
  wal_.put_any(TimelineId{2}, 6, 8);
  wal_.put_any(TimelineId{3}, 4, 6);
  auto coverage = load();
  auto path = coverage.path_to(TimelineId{3});
  EXPECT_EQ(path.at(3), (SegmentName{kOne, 3}));
  for (uint64_t number = 4; number <= 8; ++number) EXPECT_EQ(path.at(number), (SegmentName{TimelineId{3}, number}));
  auto reach = coverage.reach(path, start_of(3));
  EXPECT_EQ(reach.end, start_of(7));
  EXPECT_FALSE(reach.missing);
  EXPECT_EQ(coverage.reach(coverage.path_to(TimelineId{2}), start_of(3)).end, start_of(9));
}

}  // namespace
}  // namespace spendsync::wal
