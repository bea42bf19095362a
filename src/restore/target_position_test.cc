// Where exactly recovery stops: behind which record, and what is said where that is not clear.
#include <gmock/gmock.h>

#include "base/testing.h"
#include "restore/testing/target_world.h"

namespace spendsync::restore {
namespace {

using testing::AllOf;
using testing::HasSubstr;

RequestWords moment(const char* time) {
  return {.type = "point_in_time", .date = "20240315", .point_in_time = std::string("2024-03-15 ") + time};
}
RequestWords position(Lsn lsn) {
  RequestWords words;
  words.target_lsn = lsn.to_string();
  return words;
}

/// A full that ended at 00:05 in segment 11, segments to 40; nothing else.
World idle() {
  World world;
  world.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
               lsn(11, 300));
  world.segments(1, 10, 40);
  return world;
}

// ---- what was prepared

TEST(TargetPosition, WhatWasPreparedBeforeTheMomentIsKept) {
  auto world = a_day();
  world.prepare(1, lsn(25, 2000), "2024-03-15T14:10:00Z").prepare(1, lsn(25, 3000), "2024-03-15T14:40:00Z");
  auto target = MUST(world.resolve(moment("14:30:00")));
  EXPECT_EQ(target.recovery.lsn, lsn(25, 2000));
  EXPECT_EQ(target.needed_until, lsn(25, 2080));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T14:00:00Z"));
  EXPECT_EQ(target.reached, at("2024-03-15T14:30:00Z"));
  EXPECT_EQ(MUST(world.resolve(moment("14:05:00"))).recovery.lsn, lsn(25, 1000));
  EXPECT_EQ(MUST(world.resolve(moment("14:50:00"))).recovery.lsn, lsn(25, 3000));
}

TEST(TargetPosition, WhatWasPreparedLongAfterTheLastCommitIsKept) {
  auto world = a_day();
  world.prepare(1, lsn(38, 2000), "2024-03-15T20:20:00Z");
  EXPECT_EQ(MUST(world.resolve(moment("20:25:00"))).recovery.lsn, lsn(38, 2000));
  EXPECT_EQ(MUST(world.resolve(moment("20:15:00"))).recovery.lsn, lsn(31, 1000));
  EXPECT_EQ(MUST(world.resolve({.type = "transaction_logs", .date = "20240315"})).recovery.lsn, lsn(38, 2000));
}

TEST(TargetPosition, WhatWasPreparedWithoutAnyCommitIsKept) {
  auto world = idle();
  world.prepare(1, lsn(11, 100), "2024-03-15T00:04:00Z").prepare(1, lsn(13, 100), "2024-03-15T02:00:00Z");
  world.commit(1, lsn(15, 1000), "2024-03-15T06:00:00Z");
  auto target = MUST(world.resolve(moment("03:00:00")));
  EXPECT_EQ(target.recovery.lsn, lsn(13, 100));
  EXPECT_FALSE(target.last_commit);
  EXPECT_EQ(MUST(world.resolve(moment("01:00:00"))).recovery.kind, RecoveryTarget::Kind::immediate);
}

// ---- a clock that went back

/// Ahead by four hours from segment 14 to 16, right again from segment 17 on.
World with_a_clock_that_went_back() {
  auto world = idle();
  world.commit(1, lsn(12, 1000), "2024-03-15T01:00:00Z").commit(1, lsn(13, 1000), "2024-03-15T02:00:00Z");
  world.commit(1, lsn(14, 1000), "2024-03-15T07:00:00Z").commit(1, lsn(16, 1000), "2024-03-15T08:00:00Z");
  for (int hour = 5; hour <= 20; ++hour) {
    world.commit(1, lsn(static_cast<uint64_t>(12 + hour), 1000), fmt::format("2024-03-15T{:02}:00:00Z", hour));
  }
  return world;
}

TEST(TargetPosition, WhereTheClockWentBackRecoveryStopsBeforeTheFirstLaterCommitAndBothPlacesAreShown) {
  auto world = with_a_clock_that_went_back();
  auto target = MUST(world.resolve(moment("06:30:00")));
  EXPECT_EQ(target.recovery.lsn, lsn(13, 1000));
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T02:00:00Z"));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0],
              AllOf(HasSubstr("2024-03-15T07:00:00Z"), HasSubstr(lsn(14, 1000).to_string()),
                    HasSubstr("2024-03-15T06:00:00Z"), HasSubstr("--target-lsn " + lsn(18, 1000).to_string())));
  auto other = MUST(world.resolve(position(lsn(18, 1000))));
  EXPECT_EQ(other.recovery.lsn, lsn(18, 1000));
  EXPECT_EQ(other.last_commit->time, at("2024-03-15T06:00:00Z"));
}

TEST(TargetPosition, MomentsThatTheClockShowedOnceAreReachedWithoutAWarning) {
  auto world = with_a_clock_that_went_back();
  for (auto [time, place] : {std::pair{"01:30:00", lsn(12, 1000)}, {"10:30:00", lsn(22, 1000)}}) {
    auto target = MUST(world.resolve(moment(time)));
    EXPECT_EQ(target.recovery.lsn, place) << time;
    EXPECT_TRUE(target.warnings.empty()) << time;
  }
}

TEST(TargetPosition, AClockThatWasAheadWithinOneSegmentIsSeen) {
  auto world = idle();
  world.commit(1, lsn(12, 1000), "2024-03-15T01:00:00Z").commit(1, lsn(12, 2000), "2024-03-15T09:00:00Z");
  world.commit(1, lsn(12, 3000), "2024-03-15T01:10:00Z").commit(1, lsn(20, 1000), "2024-03-15T05:00:00Z");
  world.commit(1, lsn(22, 1000), "2024-03-15T10:00:00Z");
  auto target = MUST(world.resolve(moment("05:30:00")));
  EXPECT_EQ(target.recovery.lsn, lsn(12, 1000));
  ASSERT_EQ(target.warnings.size(), 1u);
  EXPECT_THAT(target.warnings[0], HasSubstr("--target-lsn " + lsn(20, 1000).to_string()));
}

TEST(TargetPosition, WhatIsLaterBeforeTheBackupsEndDoesNotCount) {
  auto world = idle();
  world.commit(1, lsn(11, 100), "2024-03-15T09:00:00Z");  // the clock was ahead while the backup ran
  world.commit(1, lsn(12, 1000), "2024-03-15T01:00:00Z").commit(1, lsn(15, 1000), "2024-03-15T10:00:00Z");
  EXPECT_EQ(MUST(world.resolve(moment("05:00:00"))).recovery.lsn, lsn(12, 1000));
}

TEST(TargetPosition, AnAbortThatIsLaterKeepsNoCommitOut) {
  auto world = a_day();
  WalEvent abort;
  abort.kind = WalEvent::Kind::abort;
  abort.start = lsn(25, 500);
  abort.end = lsn(25, 540);
  abort.time = at("2024-03-15T14:00:00.000002Z");
  world.add(1, abort);
  EXPECT_EQ(MUST(world.resolve(moment("14:00:00.000001"))).recovery.lsn, lsn(25, 1000));
}

// ---- positions

TEST(TargetPosition, ACommitAtThePositionOrAroundItIsReplayed) {
  for (Lsn asked : {lsn(25, 1000), lsn(25, 1020)}) {
    auto target = MUST(a_day().resolve(position(asked)));
    EXPECT_EQ(target.recovery.lsn, lsn(25, 1000));
    EXPECT_TRUE(target.recovery.inclusive);
    EXPECT_EQ(target.last_commit->time, at("2024-03-15T14:00:00Z"));
    EXPECT_EQ(target.needed_until, lsn(25, 1040));
  }
}

TEST(TargetPosition, ARestorePointOrWhatIsPreparedAtThePositionIsReplayed) {
  auto world = a_day();
  WalEvent point;
  point.kind = WalEvent::Kind::restore_point;
  point.start = lsn(25, 2000);
  point.end = lsn(25, 2100);
  world.add(1, point).prepare(1, lsn(25, 3000), "2024-03-15T14:40:00Z");
  for (Lsn asked : {lsn(25, 2000), lsn(25, 3000)}) {
    auto target = MUST(world.resolve(position(asked)));
    EXPECT_EQ(target.recovery.lsn, asked);
    EXPECT_TRUE(target.recovery.inclusive);
    EXPECT_EQ(target.last_commit->time, at("2024-03-15T14:00:00Z"));
  }
}

/// A DROP DATABASE: its records are 25/2000 to 25/2100, its commit follows at 25/2100.
World with_a_drop() {
  auto world = a_day();
  world.record(1, lsn(25, 2000), lsn(25, 2060), 10).record(1, lsn(25, 2060), lsn(25, 2100), 4);
  world.commit(1, lsn(25, 2100), "2024-03-15T14:20:00Z");
  return world;
}

TEST(TargetPosition, AnyOtherRecordIsShownAndRefusedUntilASideOfItIsSaid) {
  auto world = with_a_drop();
  auto refused = world.resolve(position(lsn(25, 2060)));
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_THAT(refused.error().message(),
              AllOf(HasSubstr(lsn(25, 2060).to_string()), HasSubstr(lsn(25, 2100).to_string()), HasSubstr("Database"),
                    HasSubstr("2024-03-15T14:00:00Z")));
  EXPECT_THAT(refused.error().hint(), AllOf(HasSubstr("--exclusive"), HasSubstr("--inclusive")));
  auto words = position(lsn(25, 2060));
  words.exclusive = true;
  auto before = MUST(world.resolve(words));
  EXPECT_EQ(before.recovery.lsn, lsn(25, 2060));
  EXPECT_FALSE(before.recovery.inclusive);
  EXPECT_EQ(before.last_commit->time, at("2024-03-15T14:00:00Z"));
  words.exclusive = false;
  words.inclusive = true;
  auto behind = MUST(world.resolve(words));
  EXPECT_EQ(behind.recovery.lsn, lsn(25, 2060));
  EXPECT_TRUE(behind.recovery.inclusive);
  EXPECT_EQ(behind.needed_until, lsn(25, 2100));
}

TEST(TargetPosition, InsideARecordMeansThatRecord) {
  auto world = with_a_drop();
  auto words = position(lsn(25, 2070));
  EXPECT_KIND(world.resolve(words), ErrorKind::refused);
  words.exclusive = true;
  EXPECT_EQ(MUST(world.resolve(words)).recovery.lsn, lsn(25, 2060));
}

TEST(TargetPosition, ARecordFromTheSegmentBeforeIsFound) {
  auto world = a_day();
  Lsn begin{lsn(26).value - 500};
  world.record(1, begin, lsn(26, 300), 10);
  auto words = position(lsn(26, 100));
  EXPECT_KIND(world.resolve(words), ErrorKind::refused);
  words.exclusive = true;
  EXPECT_EQ(MUST(world.resolve(words)).recovery.lsn, begin);
}

TEST(TargetPosition, ACommitCanBeLeftOut) {
  auto words = position(lsn(25, 1000));
  words.exclusive = true;
  auto target = MUST(a_day().resolve(words));
  EXPECT_FALSE(target.recovery.inclusive);
  EXPECT_EQ(target.last_commit->time, at("2024-03-15T13:00:00Z"));
}

TEST(TargetPosition, BehindTheLastRecordIsNothingToStopAt) {
  EXPECT_KIND(a_day().resolve(position(lsn(35))), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync::restore
