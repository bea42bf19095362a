#include "restore/target_resolution.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/testing.h"
#include "restore/testing/target_world.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

TEST(TargetResolution, RecoversAFullToItsOwnEnd) {
  auto target = MUST(a_day().resolve({.type = "full", .date = "20240315"}));
  EXPECT_EQ(target.backup.label.text(), "20240315T000000Z-full");
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::immediate);
  EXPECT_EQ(target.recovery.timeline, TimelineId{1});
  EXPECT_EQ(target.reached, at("2024-03-15T00:05:00Z"));
  EXPECT_EQ(target.needed_until, lsn(11, 300));
  EXPECT_EQ(target.limit, lsn(12));
}

TEST(TargetResolution, TakesTheNewestBackupOfTheDay) {
  auto world = a_day();
  world.backup(BackupType::full, "2024-03-15T18:00:00Z", "2024-03-15T18:05:00Z", {TimelineId{1}, lsn(29, 2000)},
               lsn(29, 3000));
  EXPECT_EQ(MUST(world.resolve({.type = "full", .date = "20240315"})).backup.label.text(), "20240315T180000Z-full");
  EXPECT_EQ(MUST(world.resolve({.type = "full", .date = "20240315T000000Z-full"})).backup.label.text(),
            "20240315T000000Z-full");
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240316"}), ErrorKind::not_found);
  EXPECT_KIND(world.resolve({.type = "incremental", .date = "20240315"}), ErrorKind::not_found);
}

TEST(TargetResolution, CountsDaysInTheConfiguredZone) {
  World world;
  world.segments(1, 10, 12);
  // Half past eleven in the evening in UTC is the next day in Berlin.
  world.backup(BackupType::full, "2024-03-14T23:30:00Z", "2024-03-14T23:31:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(10, 300));
  EXPECT_OK(world.resolve({.type = "full", .date = "20240314"}));
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240315"}), ErrorKind::not_found);
  world.zone("Europe/Berlin");
  EXPECT_OK(world.resolve({.type = "full", .date = "20240315"}));
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240314"}), ErrorKind::not_found);
}

TEST(TargetResolution, FindsBackupsInTheHourThatASummerTimeDayHasTwice) {
  World world;
  world.zone("Europe/Berlin").segments(1, 10, 12);
  world.backup(BackupType::full, "2024-10-27T00:30:00Z", "2024-10-27T00:31:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(10, 300));
  world.backup(BackupType::full, "2024-10-27T01:30:00Z", "2024-10-27T01:31:00Z", {TimelineId{1}, lsn(11, 40)},
               lsn(11, 300));
  EXPECT_EQ(MUST(world.resolve({.type = "full", .date = "20241027"})).backup.label.text(), "20241027T013000Z-full");
}

// By position, also where a later commit would make a time stop recovery: before that commit's record there may be
// others of the same transaction that act at once (DROP DATABASE).
TEST(TargetResolution, ReachesATimeThatACommitFollowsByPosition) {
  auto target =
      MUST(a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00"}));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::lsn);
  EXPECT_EQ(target.recovery.lsn, lsn(25, 1000));  // the record of the commit of 14:00 begins there
  EXPECT_TRUE(target.recovery.inclusive);
  EXPECT_EQ(target.asked, at("2024-03-15T14:30:00Z"));
  EXPECT_EQ(target.reached, at("2024-03-15T14:30:00Z"));
  EXPECT_EQ(target.last_commit, (CommitPoint{at("2024-03-15T14:00:00Z"), lsn(25, 1040)}));
  EXPECT_EQ(target.needed_until, lsn(25, 1040));
  EXPECT_EQ(target.limit, lsn(41));
  EXPECT_TRUE(target.warnings.empty());
}

TEST(TargetResolution, ATimeBeforeTheFirstCommitIsTheBackupsOwnEnd) {
  auto target =
      MUST(a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 00:30:00"}));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::immediate);
  EXPECT_EQ(target.asked, at("2024-03-15T00:30:00Z"));
  EXPECT_FALSE(target.last_commit);
}

TEST(TargetResolution, IncludesTheCommitOfThatVeryMoment) {
  auto target =
      MUST(a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:00:00"}));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T14:00:00Z"));
  auto before = MUST(
      a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 13:59:59.999999"}));
  EXPECT_EQ(before.last_commit->time, at("2024-03-15T13:00:00Z"));
}

TEST(TargetResolution, ReachesATimeThatNoCommitFollowsByPosition) {
  auto target =
      MUST(a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 20:15:00"}));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::lsn);
  EXPECT_EQ(target.recovery.lsn, lsn(31, 1000));  // the record of the commit of 20:00 begins there
  EXPECT_TRUE(target.recovery.inclusive);
  EXPECT_EQ(target.asked, at("2024-03-15T20:15:00Z"));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T20:00:00Z"));
}

TEST(TargetResolution, AnIdleDatabaseIsTheBackupItself) {
  World world;
  world.segments(1, 10, 20);
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.log("2024-03-15T12:00:00Z", 1, lsn(10), lsn(21), "2024-03-15T12:00:10Z");
  auto target =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 10:00:00"}));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::immediate);
  EXPECT_EQ(target.reached, at("2024-03-15T10:00:00Z"));
  EXPECT_FALSE(target.last_commit);
  EXPECT_KIND(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 12:00:11"}),
              ErrorKind::not_found);
}

TEST(TargetResolution, SegmentsWithoutALogRecordAreCoveredUpToTheirLastCommit) {
  World world;  // delivered by archive_command alone
  world.segments(1, 10, 20);
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.commit(1, lsn(15, 1000), "2024-03-15T03:00:00Z").commit(1, lsn(18, 1000), "2024-03-15T06:00:00Z");
  auto target =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 05:00:00"}));
  EXPECT_EQ(target.recovery.lsn, lsn(15, 1000));
  auto late = world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 06:00:01"});
  EXPECT_KIND(late, ErrorKind::not_found);
  EXPECT_THAT(late.error().hint(), HasSubstr("2024-03-15T06:00:00Z"));
  auto at_end =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 06:00:00"}));
  EXPECT_EQ(at_end.recovery.lsn, lsn(18, 1000));
}

TEST(TargetResolution, SeesACommitWhoseRecordCrossesTheBorderOfTwoSegments) {
  World world;
  world.segments(1, 10, 20);
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.commit(1, lsn(15, 1000), "2024-03-15T03:00:00Z");
  world.commit(1, Lsn{lsn(16).value - 20}, "2024-03-15T04:00:00Z");  // no summary counts it
  world.commit(1, lsn(16, 5000), "2024-03-15T06:00:00Z");
  auto target =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 05:00:00"}));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T04:00:00Z"));
}

TEST(TargetResolution, RefusesWhatLiesBeforeTheFirstBackupsEnd) {
  auto early = a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 00:04:59"});
  EXPECT_KIND(early, ErrorKind::not_found);
  EXPECT_THAT(early.error().message(), HasSubstr("before the end of the first backup"));
  EXPECT_THAT(early.error().hint(), HasSubstr("2024-03-15T00:05:00Z"));
}

TEST(TargetResolution, RefusesWhatLiesAfterTheLastWal) {
  auto late = a_day().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 21:00:00"});
  EXPECT_KIND(late, ErrorKind::not_found);
  EXPECT_THAT(late.error().message(), HasSubstr("after everything that is covered"));
  EXPECT_THAT(late.error().hint(), HasSubstr("2024-03-15T20:30:10Z"));
}

TEST(TargetResolution, RefusesAMomentInAGapAndNamesBothItsEdges) {
  auto gap = with_gap().resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 05:00:00"});
  EXPECT_KIND(gap, ErrorKind::not_found);
  EXPECT_THAT(gap.error().message(), HasSubstr("gap"));
  EXPECT_THAT(gap.error().hint(), HasSubstr("2024-03-15T03:00:00Z"));
  EXPECT_THAT(gap.error().hint(), HasSubstr("2024-03-15T10:05:00Z"));
}

TEST(TargetResolution, NeverReplaysOverAGap) {
  auto world = with_gap();
  auto after =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 11:00:00"}));
  EXPECT_EQ(after.backup.label.text(), "20240315T100000Z-full");
  auto before =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 03:00:00"}));
  EXPECT_EQ(before.backup.label.text(), "20240315T000000Z-full");
  EXPECT_EQ(before.limit, lsn(20));
  // The older full, asked for by name, leads no further than the gap.
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240315T000000Z-full", .point_in_time = "2024-03-15 11:00:00"}),
              ErrorKind::not_found);
}

TEST(TargetResolution, TakesTheNewestBackupThatEndedBeforeTheMoment) {
  auto world = a_day();
  world.backup(BackupType::full, "2024-03-15T09:00:00Z", "2024-03-15T09:30:00Z", {TimelineId{1}, lsn(20, 2000)},
               lsn(20, 3000));
  EXPECT_EQ(MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 09:15:00"}))
                .backup.label.text(),
            "20240315T000000Z-full");  // still running then
  EXPECT_EQ(MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 09:30:00"}))
                .backup.label.text(),
            "20240315T090000Z-full");
  EXPECT_EQ(
      MUST(world.resolve({.type = "full", .date = "20240315T000000Z-full", .point_in_time = "2024-03-15 14:30:00"}))
          .backup.label.text(),
      "20240315T000000Z-full");
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240315T090000Z-full", .point_in_time = "2024-03-15 09:15:00"}),
              ErrorKind::not_found);
}

TEST(TargetResolution, ADayWithoutATimeMeansItsLastRecoverableMoment) {
  auto world = a_day();
  auto today = MUST(world.resolve({.type = "point_in_time", .date = "20240315"}));
  EXPECT_EQ(today.reached, at("2024-03-15T20:30:10Z"));
  EXPECT_EQ(today.recovery.lsn, lsn(31, 1000));
  // A day that WAL goes beyond ends at its end.
  world.segments(1, 41, 60).commit(1, lsn(50, 1000), "2024-03-16T02:00:00Z");
  auto whole = MUST(world.resolve({.type = "point_in_time", .date = "20240315"}));
  EXPECT_EQ(whole.recovery.lsn, lsn(31, 1000));
  EXPECT_EQ(whole.asked, at("2024-03-15T23:59:59.999999Z"));
  auto missing = world.resolve({.type = "point_in_time", .date = "20240320"});
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_THAT(missing.error().hint(), HasSubstr("2024-03-16T02:00:00Z"));
}

TEST(TargetResolution, TransactionLogsMeanTheLastCommitOfTheDaysNewestLogBackup) {
  auto world = a_day();
  auto target = MUST(world.resolve({.type = "transaction_logs", .date = "20240315"}));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::lsn);
  EXPECT_EQ(target.recovery.lsn, lsn(31, 1000));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T20:00:00Z"));
  auto first = MUST(world.resolve({.type = "transaction_logs", .date = "20240315T120000Z-transaction_logs"}));
  EXPECT_EQ(first.recovery.lsn, lsn(23, 1000));
  EXPECT_EQ(first.reached, at("2024-03-15T12:00:10Z"));
  EXPECT_KIND(world.resolve({.type = "transaction_logs", .date = "20240314"}), ErrorKind::not_found);
}

TEST(TargetResolution, TransactionLogsNeedABaseWithoutAGap) {
  auto world = with_gap();
  world.log("2024-03-15T09:00:00Z", 1, lsn(22), lsn(25),
            "2024-03-15T09:00:10Z");  // behind the gap, before the new full
  EXPECT_KIND(world.resolve({.type = "transaction_logs", .date = "20240315"}), ErrorKind::not_found);
}

TEST(TargetResolution, TransactionLogsOfAnIdleTimeGoBackToTheLastCommitBefore) {
  auto world = a_day();
  world.segments(1, 41, 50).log("2024-03-15T23:00:00Z", 1, lsn(41), lsn(51), "2024-03-15T23:00:10Z");
  auto target = MUST(world.resolve({.type = "transaction_logs", .date = "20240315"}));
  EXPECT_EQ(target.recovery.lsn, lsn(31, 1000));
  EXPECT_EQ(target.reached, at("2024-03-15T23:00:10Z"));
}

/// Timeline 2 left timeline 1 in the middle of segment 23, after the commit of 12:00; both went on.
World with_two_timelines() {
  auto world = a_day();
  world.fork(2, 1, lsn(23, 5000)).segments(2, 23, 40);
  world.commit(2, lsn(24, 1000), "2024-03-15T14:10:00Z", 900).commit(2, lsn(30, 1000), "2024-03-15T19:10:00Z", 901);
  return world;
}

TEST(TargetResolution, RefusesAMomentOnTwoTimelinesAndShowsBoth) {
  auto world = with_two_timelines();
  auto both = world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00"});
  EXPECT_KIND(both, ErrorKind::refused);
  EXPECT_THAT(both.error().message(), HasSubstr("timeline 1"));
  EXPECT_THAT(both.error().message(), HasSubstr("timeline 2"));
  EXPECT_THAT(both.error().hint(), HasSubstr("--target-timeline"));

  auto first = MUST(world.resolve(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00", .target_timeline = 1}));
  EXPECT_EQ(first.recovery.timeline, TimelineId{1});
  EXPECT_EQ(first.last_commit->time, at("2024-03-15T14:00:00Z"));
  auto second = MUST(world.resolve(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00", .target_timeline = 2}));
  EXPECT_EQ(second.recovery.timeline, TimelineId{2});
  EXPECT_EQ(second.last_commit->time, at("2024-03-15T14:10:00Z"));
}

TEST(TargetResolution, WhatLiesBeforeTheForkIsOnOneTimeline) {
  auto target = MUST(with_two_timelines().resolve(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 10:30:00"}));
  EXPECT_EQ(target.recovery.timeline, TimelineId{1});
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T10:00:00Z"));
}

TEST(TargetResolution, FollowsAPromotionFromAnOlderBackup) {
  World world;  // a failover: timeline 1 ended with the fork
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.segments(1, 10, 22).fork(2, 1, lsn(23, 5000)).segments(2, 23, 40);
  world.commit(1, lsn(20, 1000), "2024-03-15T09:00:00Z").commit(2, lsn(30, 1000), "2024-03-15T15:00:00Z");
  world.commit(2, lsn(31, 1000), "2024-03-15T16:00:00Z");
  auto target =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 15:30:00"}));
  EXPECT_EQ(target.recovery.timeline, TimelineId{2});
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T15:00:00Z"));
  EXPECT_EQ(target.limit, lsn(41));
  EXPECT_EQ(MUST(world.resolve({.latest = true})).recovery.timeline, TimelineId{2});
}

TEST(TargetResolution, NeverUsesABackupTakenAfterTheFork) {
  auto world = with_two_timelines();
  world.backup(BackupType::full, "2024-03-15T13:00:00Z", "2024-03-15T13:05:00Z", {TimelineId{1}, lsn(24, 2000)},
               lsn(24, 3000));
  auto second = MUST(world.resolve(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00", .target_timeline = 2}));
  EXPECT_EQ(second.backup.label.text(), "20240315T000000Z-full");
  auto first = MUST(world.resolve(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00", .target_timeline = 1}));
  EXPECT_EQ(first.backup.label.text(), "20240315T130000Z-full");
}

TEST(TargetResolution, ReachesPositions) {
  auto world = a_day();
  RequestWords words;
  words.target_lsn = lsn(25, 2000).to_string();
  auto target = MUST(world.resolve(words));
  EXPECT_EQ(target.recovery.kind, RecoveryTarget::Kind::lsn);
  EXPECT_EQ(target.recovery.lsn, lsn(26, 1000));  // the first record from there on: the commit of 15:00
  EXPECT_TRUE(target.recovery.inclusive);
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T15:00:00Z"));
  for (auto outside : {lsn(11, 299), lsn(41)}) {
    words.target_lsn = outside.to_string();
    EXPECT_KIND(world.resolve(words), ErrorKind::not_found);
  }
  auto two = with_two_timelines();
  words.target_lsn = lsn(25, 2000).to_string();
  EXPECT_KIND(two.resolve(words), ErrorKind::refused);
  words.target_timeline = 2;
  EXPECT_EQ(MUST(two.resolve(words)).recovery.timeline, TimelineId{2});
  words.target_timeline.reset();
  words.target_lsn = lsn(20, 2000).to_string();
  EXPECT_EQ(MUST(two.resolve(words)).recovery.timeline, TimelineId{1});
}

TEST(TargetResolution, FindsTransactionsAndRestorePoints) {
  auto world = a_day();
  world.backup(BackupType::full, "2024-03-15T09:00:00Z", "2024-03-15T09:30:00Z", {TimelineId{1}, lsn(20, 2000)},
               lsn(20, 3000));
  WalEvent restore_point;
  restore_point.kind = WalEvent::Kind::restore_point;
  restore_point.start = lsn(13, 500);
  restore_point.end = lsn(13, 600);
  restore_point.time = at("2024-03-15T01:30:00Z");
  restore_point.name = "before the import";
  world.add(1, restore_point);
  RequestWords words;
  words.target_xid = "714";
  auto late = MUST(world.resolve(words));
  EXPECT_EQ(late.recovery.kind, RecoveryTarget::Kind::transaction);
  EXPECT_EQ(late.recovery.transaction, "714");
  EXPECT_EQ(late.backup.label.text(), "20240315T090000Z-full");
  words.target_xid = "703";
  EXPECT_EQ(MUST(world.resolve(words)).backup.label.text(), "20240315T000000Z-full");
  words.target_xid = "999";
  EXPECT_KIND(world.resolve(words), ErrorKind::not_found);
  RequestWords named;
  named.target_name = "before the import";
  auto point = MUST(world.resolve(named));
  EXPECT_EQ(point.recovery.kind, RecoveryTarget::Kind::name);
  EXPECT_EQ(point.needed_until, lsn(13, 600));
  EXPECT_EQ(point.backup.label.text(), "20240315T000000Z-full");
  named.target_name = "no such";
  EXPECT_KIND(world.resolve(named), ErrorKind::not_found);
}

TEST(TargetResolution, PassesOverWhatCannotBeReadAndSaysSo) {
  auto world = a_day();
  world.unreadable("2024-03-15T19:00:00Z", BackupType::full);
  auto target = MUST(world.resolve({.type = "full", .date = "20240315"}));
  EXPECT_EQ(target.backup.label.text(), "20240315T000000Z-full");
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("20240315T190000Z-full cannot be read"));
  EXPECT_KIND(world.resolve({.type = "full", .date = "20240315T190000Z-full"}), ErrorKind::corrupt);
}

TEST(TargetResolution, SaysWhenThereIsNothing) {
  World empty;
  EXPECT_KIND(empty.resolve({.latest = true}), ErrorKind::not_found);
  empty.unreadable("2024-03-15T19:00:00Z", BackupType::full);
  EXPECT_KIND(empty.resolve({.latest = true}), ErrorKind::corrupt);
}

// Commit times may go back anywhere, so the summary of every segment up to the moment counts; content is read around
// it.
TEST(TargetResolution, ReadsFewSegmentsOfALongHistory) {
  World world;
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.segments(1, 10, 20'000);
  for (uint64_t n = 12; n <= 20'000; ++n) {
    world.commit(1, lsn(n, 1000), format_utc(at("2024-03-15T00:10:00Z") + std::chrono::seconds(n)));
  }
  auto target =
      MUST(world.resolve({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 03:00:00.5"}));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T03:00:00Z"));
  EXPECT_LE(world.summaries_read, 20'000);  // each once
  EXPECT_LT(world.segments_scanned, 5);
}

}  // namespace
}  // namespace spendsync::restore
