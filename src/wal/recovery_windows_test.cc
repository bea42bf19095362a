#include "wal/recovery_windows.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "wal/testing/synthetic_cluster.h"

namespace spendsync::wal {
namespace {

using testing::HasSubstr;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};

/// The windows of a cluster as it is when this is made.
struct Look {
  explicit Look(SyntheticCluster& of, std::stop_token stop = {})
      : cluster(of), wal(of.coverage()), recovery(of.inventory(), wal, stop) {}
  std::vector<RecoveryWindow> all() { return MUST(recovery.all()); }
  std::optional<std::string> beyond(bool on_its_way = false) {
    auto windows = all();
    return recovery.stated_beyond(*recovery.furthest(windows), windows, on_its_way);
  }
  std::optional<RecoveryWindows::Gap> gap(bool on_its_way = false) {
    auto windows = all();
    return recovery.gap_behind(*recovery.furthest(windows), on_its_way);
  }
  SyntheticCluster& cluster;
  WalCoverage wal;
  RecoveryWindows recovery;
};

/// A full at midnight whose WAL goes on with segments 10 to `last`, a commit in segment 15 and one in 18.
SyntheticCluster cluster_up_to(uint64_t last) {
  SyntheticCluster cluster;
  cluster.segments(1, 10, last);
  cluster.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {kOne, lsn(10, 40)}, lsn(11, 300));
  cluster.commit(1, lsn(15, 1000), "2024-03-15T03:00:00Z").commit(1, lsn(18, 1000), "2024-03-15T06:00:00Z");
  return cluster;
}

TEST(RecoveryWindows, ReachFromTheBackupsEndToWhatALogRecordCovers) {
  auto cluster = a_day();
  Look look(cluster);
  auto windows = look.all();
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].backup, &cluster.inventory().backups[0]);
  EXPECT_EQ(windows[0].timeline, kOne);
  EXPECT_EQ(windows[0].from, at("2024-03-15T00:05:00Z"));
  EXPECT_EQ(windows[0].until, at("2024-03-15T20:30:10Z"));
  EXPECT_EQ(windows[0].end, lsn(41));
  EXPECT_FALSE(windows[0].missing);
  EXPECT_FALSE(look.beyond());
}

TEST(RecoveryWindows, WithoutALogRecordEndWithTheLastCommit) {
  auto cluster = cluster_up_to(40);
  EXPECT_EQ(Look(cluster).all()[0].until, at("2024-03-15T06:00:00Z"));
}

// Whoever ended later has proved that no commit was left out up to its own end.
TEST(RecoveryWindows, ReachTheEndOfALaterBackupWithoutACommit) {
  auto cluster = cluster_up_to(20);
  cluster.backup(BackupType::full, "2024-03-15T09:00:00Z", "2024-03-15T09:05:00Z", {kOne, lsn(19, 40)}, lsn(19, 300));
  auto windows = Look(cluster).all();
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].until, at("2024-03-15T09:05:00Z"));
  EXPECT_EQ(windows[1].from, at("2024-03-15T09:05:00Z"));
}

TEST(RecoveryWindows, EndBeforeAGapAndNameTheSegment) {
  auto cluster = with_gap();
  Look look(cluster);
  auto windows = look.all();
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].end, lsn(20));
  EXPECT_EQ(windows[0].until, at("2024-03-15T03:00:00Z"));
  EXPECT_EQ(windows[0].missing, (SegmentName{kOne, 20}));
  EXPECT_FALSE(windows[1].missing);
  EXPECT_EQ(look.recovery.furthest(windows), &windows[1]);  // behind the gap, that a later backup closes
  EXPECT_FALSE(look.beyond());
}

TEST(RecoveryWindows, OfABackupWithoutAnyWalAreItsOwnEnd) {
  SyntheticCluster cluster;
  cluster.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {kOne, lsn(10, 40)}, lsn(11, 300));
  auto windows = Look(cluster).all();
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(windows[0].from, windows[0].until);
  EXPECT_EQ(windows[0].end, lsn(11, 300));
}

TEST(RecoveryWindows, OnALaterTimelineBeginWithTheLastCommitBeforeTheFork) {
  auto cluster = cluster_up_to(18);
  cluster.fork(2, 1, lsn(16, 5000)).segments(2, 16, 30).commit(2, lsn(20, 1000), "2024-03-15T09:00:00Z");
  Look look(cluster);
  const auto& backup = cluster.inventory().backups[0];
  auto second = MUST(look.recovery.of(backup, kTwo));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->from, at("2024-03-15T03:00:00Z"));
  EXPECT_EQ(second->until, at("2024-03-15T09:00:00Z"));
  EXPECT_FALSE(MUST(look.recovery.of(backup, TimelineId{3})));
  EXPECT_EQ(look.all().size(), 2u);
}

TEST(RecoveryWindows, NeverLeadFromABackupBehindTheForkToTheOtherTimeline) {
  auto cluster = cluster_up_to(18);
  cluster.fork(2, 1, lsn(13, 5000)).segments(2, 13, 30);
  cluster.backup(BackupType::full, "2024-03-15T04:00:00Z", "2024-03-15T04:05:00Z", {kOne, lsn(16, 40)}, lsn(16, 300));
  Look look(cluster);
  EXPECT_FALSE(MUST(look.recovery.of(cluster.inventory().backups[1], kTwo)));
  EXPECT_TRUE(MUST(look.recovery.of(cluster.inventory().backups[1], kOne)));
}

TEST(RecoveryWindows, AreNotLookedForAnyLongerOnceAskedToStop) {
  auto cluster = a_day();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_KIND(Look(cluster, stop.get_token()).recovery.all(), ErrorKind::cancelled);
}

// ---- the one that reaches furthest

TEST(RecoveryWindows, NoneReachesFurthestWhereThereIsNone) {
  SyntheticCluster cluster;
  Look look(cluster);
  EXPECT_EQ(look.recovery.furthest(look.all()), nullptr);
}

// A backup that a standby made, whose clock is behind its primary's, ends in a segment that is not stored yet.
TEST(RecoveryWindows, OnOneWayThePositionSaysWhichReachesFurthestAndNotTheClock) {
  auto cluster = cluster_up_to(18);
  cluster.backup(BackupType::full, "2024-03-15T05:40:00Z", "2024-03-15T05:50:00Z", {kOne, lsn(18, 2000)}, lsn(19, 300));
  Look look(cluster);
  auto windows = look.all();
  EXPECT_EQ(look.recovery.furthest(windows)->backup, &cluster.inventory().backups[1]);
  EXPECT_EQ(look.recovery.furthest(windows)->end, lsn(19, 300));
  std::ranges::reverse(windows);
  EXPECT_EQ(look.recovery.furthest(windows)->backup, &cluster.inventory().backups[1]);
}

TEST(RecoveryWindows, OfWaysThatHavePartedTheTimeSaysWhichReachesFurthest) {
  auto cluster = cluster_up_to(40);
  cluster.fork(2, 1, lsn(16, 5000)).segments(2, 16, 20).commit(2, lsn(19, 1000), "2024-03-15T09:00:00Z");
  Look look(cluster);
  auto windows = look.all();
  EXPECT_EQ(look.recovery.furthest(windows)->timeline, kTwo);  // although its position is less far
}

// ---- what lies beyond it

TEST(RecoveryWindows, SayWhatALogRecordStatesAndIsNotThere) {
  auto cluster = cluster_up_to(16);
  cluster.log("2024-03-15T07:00:00Z", 1, lsn(10), lsn(17, 5000), "2024-03-15T07:00:10Z");
  auto beyond = Look(cluster).beyond();
  ASSERT_TRUE(beyond);
  EXPECT_THAT(*beyond, HasSubstr("20240315T070000Z-transaction_logs states WAL up to"));
  EXPECT_THAT(*beyond, HasSubstr("WAL segment 000000010000000000000011 is not there"));
  cluster.segments(1, 17, 17);
  EXPECT_FALSE(Look(cluster).beyond());
}

TEST(RecoveryWindows, SayThatNothingLeadsToATimelineThatARecordStates) {
  auto cluster = cluster_up_to(16);
  cluster.log("2024-03-15T07:00:00Z", 2, lsn(15), lsn(20), "2024-03-15T07:00:10Z");
  auto beyond = Look(cluster).beyond();
  ASSERT_TRUE(beyond);
  EXPECT_THAT(*beyond, HasSubstr("00000002.history is not there"));
  EXPECT_FALSE(Look(cluster).beyond(true));  // another way than that of the furthest
}

// What was recovered to an earlier moment has left the rest of its old timeline behind, with its records.
TEST(RecoveryWindows, ABranchThatWasLeftBehindStatesNothingBeyond) {
  auto cluster = cluster_up_to(18);
  cluster.log("2024-03-15T07:00:00Z", 1, lsn(10), lsn(25), "2024-03-15T07:00:10Z");  // its end has expired
  cluster.fork(2, 1, lsn(16, 5000)).segments(2, 16, 30).commit(2, lsn(20, 1000), "2024-03-15T09:00:00Z");
  EXPECT_FALSE(Look(cluster).beyond());
}

// A standby that was promoted archives on its new timeline what follows WAL that its primary has not archived.
TEST(RecoveryWindows, SeeAGapBehindWhichATimelineBegins) {
  auto cluster = cluster_up_to(16);
  cluster.fork(2, 1, lsn(18, 5000)).segments(2, 18, 20);
  Look look(cluster);
  auto gap = look.gap();
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->missing, (SegmentName{kOne, 17}));
  EXPECT_EQ(gap->towards, kTwo);
  EXPECT_EQ(look.recovery.last_there(kTwo), 20u);
  EXPECT_EQ(look.recovery.last_there(kOne), 16u);
  EXPECT_FALSE(look.gap(true));
  EXPECT_EQ(look.beyond(), "WAL segment 000000010000000000000011 is missing although later ones are there");
}

TEST(RecoveryWindows, AGapHasExpiredOnlyWhereEverySegmentOfItHas) {
  auto cluster = cluster_up_to(12);
  cluster.segments(1, 20, 40);
  Look look(cluster);
  auto gap = look.gap();
  ASSERT_TRUE(gap);
  const SegmentRun first{{kOne, 13}, {kOne, 15}};
  const SegmentRun rest{{kOne, 16}, {kOne, 19}};
  const SegmentRun too_few{{kOne, 16}, {kOne, 18}};
  EXPECT_TRUE(look.recovery.is_gap_within(*gap, {first, rest}));
  EXPECT_TRUE(look.recovery.is_gap_within(*gap, {rest, first}));
  EXPECT_FALSE(look.recovery.is_gap_within(*gap, {first}));
  EXPECT_FALSE(look.recovery.is_gap_within(*gap, {first, too_few}));
  EXPECT_FALSE(look.recovery.is_gap_within(*gap, {}));
}

}  // namespace
}  // namespace spendsync::wal
