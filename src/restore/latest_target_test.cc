#include <gmock/gmock.h>

#include "base/condition.h"
#include "base/testing.h"
#include "restore/testing/target_world.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

const RequestWords kLatest{.latest = true};
const RequestWords kWhatIsThere{.latest = true, .up_to_what_is_there = true};

/// A full at midnight whose WAL goes on with segments 10 to `last`, a commit in segment 15 and one in 18.
World world_up_to(uint64_t last) {
  World world;
  world.segments(1, 10, last);
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.commit(1, lsn(15, 1000), "2024-03-15T03:00:00Z").commit(1, lsn(18, 1000), "2024-03-15T06:00:00Z");
  return world;
}

void expect_refused(World& world, const std::vector<std::string>& named) {
  auto refused = world.resolve(kLatest);
  EXPECT_KIND(refused, ErrorKind::refused);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().condition(), Condition::latest_not_there);
  for (const auto& name : named) EXPECT_THAT(refused.error().message(), HasSubstr(name));
  EXPECT_THAT(refused.error().hint(), HasSubstr("--up-to-what-is-there"));
}

TEST(LatestTarget, IsTheEndOfWal) {
  auto target = MUST(a_day().resolve(kLatest));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::end_of_wal);
  EXPECT_EQ(target.limit, lsn(41));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T20:00:00Z"));
  EXPECT_EQ(target.reached, at("2024-03-15T20:30:10Z"));
  EXPECT_TRUE(target.warnings.empty());
  EXPECT_TRUE(MUST(a_day().resolve(kWhatIsThere)).warnings.empty());
}

TEST(LatestTarget, IsRefusedWhereASegmentKeepsItFromGoingOn) {
  World world = world_up_to(16);
  world.segments(1, 18, 40);
  expect_refused(world, {"000000010000000000000011 is missing", "2024-03-15T03:00:00Z"});
  auto target = MUST(world.resolve(kWhatIsThere));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T03:00:00Z"));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("000000010000000000000011 is missing"));
}

TEST(LatestTarget, IsRefusedWhereALogRecordStatesMoreThanIsThere) {
  World world = world_up_to(16);
  world.log("2024-03-15T07:00:00Z", 1, lsn(10), lsn(20), "2024-03-15T07:00:10Z");
  expect_refused(world, {"20240315T070000Z-transaction_logs", "000000010000000000000011 is not there"});
  auto target = MUST(world.resolve(kWhatIsThere));
  EXPECT_EQ(target.limit, lsn(17));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("000000010000000000000011"));
}

TEST(LatestTarget, IsRefusedWhereNothingLeadsToATimelineThatARecordStates) {
  World world = world_up_to(16);
  world.log("2024-03-15T07:00:00Z", 2, lsn(15), lsn(20), "2024-03-15T07:00:10Z");
  expect_refused(world, {"timeline 2", "00000002.history"});  // neither its WAL nor its history
  world.segments(2, 15, 19);                                  // its WAL without its history
  expect_refused(world, {"timeline 2", "00000002.history"});
  world.fork(2, 1, lsn(15, 5000));
  auto target = MUST(world.resolve(kLatest));
  EXPECT_EQ(target.recovery.timeline, TimelineId{2});
}

TEST(LatestTarget, IsRefusedWhereARecordStatesATimelineAfterTheNewestThatIsThere) {
  World world = world_up_to(16);
  world.fork(2, 1, lsn(15, 5000)).segments(2, 15, 19);
  world.log("2024-03-15T07:00:00Z", 3, lsn(19), lsn(20), "2024-03-15T07:00:10Z");
  expect_refused(world, {"timeline 3", "00000003.history"});
}

TEST(LatestTarget, IsRefusedWhereTheRepositoryWentBack) {
  World world = a_day();
  world.went_back("this host has seen record 9");
  expect_refused(world, {"this host has seen record 9", "2024-03-15T20:30:10Z"});
  EXPECT_THAT(MUST(world.resolve(kWhatIsThere)).warnings[0], HasSubstr("record 9"));
  auto day = MUST(world.resolve({.type = "full", .date = "20240315"}));  // asked for by name: told, and done
  ASSERT_EQ(day.warnings.size(), 1u);
  EXPECT_THAT(day.warnings[0], HasSubstr("record 9"));
}

TEST(LatestTarget, OfAnotherRepositoryThanThisHostHasSeenIsToldAndDone) {
  World world = a_day();
  world.is_another_one("this host has backed up to repository b");
  auto target = MUST(world.resolve(kLatest));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("repository b"));
}

TEST(LatestTarget, BeginsBehindAGapThatALaterBackupCloses) {
  auto target = MUST(with_gap().resolve(kLatest));
  EXPECT_EQ(target.backup.label.text(), "20240315T100000Z-full");
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T12:00:00Z"));
}

TEST(LatestTarget, OfANamedBackupOnlyItsOwnWayCounts) {
  World world = world_up_to(18);
  world.fork(2, 1, lsn(13, 5000)).segments(2, 13, 30);
  world.backup(BackupType::full, "2024-03-15T04:00:00Z", "2024-03-15T04:05:00Z", {TimelineId{1}, lsn(16, 40)},
               lsn(16, 300));  // on the branch that was left behind
  world.log("2024-03-15T09:00:00Z", 2, lsn(13), lsn(31), "2024-03-15T09:00:10Z");
  auto target = MUST(world.resolve({.type = "full", .date = "20240315T040000Z-full", .latest = true}));
  EXPECT_EQ(target.limit, lsn(19));
  EXPECT_EQ(MUST(world.resolve(kLatest)).recovery.timeline, TimelineId{2});
}

TEST(LatestTarget, AskedForOnATimelineOnlyThatOneCounts) {
  World world = world_up_to(18);
  world.fork(2, 1, lsn(16, 5000)).segments(2, 16, 17);
  world.log("2024-03-15T09:00:00Z", 2, lsn(16), lsn(30), "2024-03-15T09:00:10Z");
  expect_refused(world, {"timeline 2"});
  EXPECT_EQ(MUST(world.resolve({.latest = true, .target_timeline = 1})).recovery.timeline, TimelineId{1});
}

// Segments are uploaded in parallel: the one that the next follows may come a moment later.
TEST(LatestTarget, WaitsForASegmentThatIsBeingUploaded) {
  World world = world_up_to(16);
  world.segments(1, 18, 18);
  world.uploading([&](int look) {
    if (look == 2) world.segments(1, 17, 17);
  });
  auto target = MUST(world.resolve(kLatest));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T06:00:00Z"));
  EXPECT_TRUE(target.warnings.empty());
  EXPECT_EQ(world.looks, 2);
}

TEST(LatestTarget, WhatWasThereAtFirstIsEnoughWhileAnUploadGoesOn) {
  World world = world_up_to(16);
  world.segments(1, 18, 18);
  world.uploading([&](int look) {
    if (look == 1) world.segments(1, 17, 17).segments(1, 20, 20);
  });
  auto target = MUST(world.resolve(kLatest));
  EXPECT_EQ(target.limit, lsn(19));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("000000010000000000000013 is missing"));
}

TEST(LatestTarget, LooksAgainAFewTimesAndSaysThatAnUploadMayBeUnderWay) {
  World world = world_up_to(16);
  world.segments(1, 18, 18);
  expect_refused(world, {"000000010000000000000011 is missing"});
  EXPECT_GT(world.looks, 1);
  EXPECT_LE(world.looks, 20);
  EXPECT_THAT(world.resolve(kLatest).error().hint(), HasSubstr("an upload may be under way"));
  world.looks = 0;
  MUST(world.resolve(kWhatIsThere));
  EXPECT_EQ(world.looks, 0);
  world.stopped();
  EXPECT_KIND(world.resolve(kLatest), ErrorKind::cancelled);
  EXPECT_EQ(world.looks, 1);
}

// A standby that was promoted archives on its new timeline what follows WAL that its primary has not archived.
TEST(LatestTarget, IsRefusedWhereASegmentIsMissingBeforeATimelineBegins) {
  World world = world_up_to(16);
  world.fork(2, 1, lsn(18, 5000)).segments(2, 18, 20);
  expect_refused(world, {"000000010000000000000011 is missing"});
  EXPECT_EQ(MUST(world.resolve(kWhatIsThere)).limit, lsn(17));
  EXPECT_EQ(MUST(world.resolve({.latest = true, .target_timeline = 1})).limit, lsn(17));
  world.log("2024-03-15T07:00:00Z", 2, lsn(18, 5000), lsn(20), "2024-03-15T07:00:10Z");
  expect_refused(world, {"000000010000000000000011 is missing"});
}

TEST(LatestTarget, WaitsForASegmentThatIsUploadedAfterTheNextTimelineBegan) {
  World world = world_up_to(16);
  world.fork(2, 1, lsn(18, 5000)).segments(2, 18, 20);
  world.log("2024-03-15T07:00:00Z", 2, lsn(18, 5000), lsn(20), "2024-03-15T07:00:10Z");
  world.uploading([&](int look) {
    if (look == 2) world.segments(1, 17, 17);
  });
  auto target = MUST(world.resolve(kLatest));
  EXPECT_EQ(target.recovery.timeline, TimelineId{2});
  EXPECT_EQ(target.limit, lsn(21));
  EXPECT_TRUE(target.warnings.empty());
  EXPECT_EQ(world.looks, 2);
}

TEST(LatestTarget, OfANamedBackupWhoseLaterWalHasExpiredIsWhatIsThereAndAWarning) {
  const RequestWords named{.type = "full", .date = "20240315T000000Z-full", .latest = true};
  World world = world_up_to(12);
  world.segments(1, 20, 40);
  world.expired(1, 13, 15);
  auto refused = world.resolve(named);
  EXPECT_KIND(refused, ErrorKind::refused);  // 16 to 19 are not gone on purpose
  world.expired(1, 16, 19);
  world.looks = 0;
  auto target = MUST(world.resolve(named));
  EXPECT_EQ(target.limit, lsn(13));
  EXPECT_EQ(world.looks, 0);
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("has expired"));
  EXPECT_KIND(world.resolve(kLatest), ErrorKind::refused);  // nobody named a backup: the latest is meant
}

}  // namespace
}  // namespace spendsync::restore
