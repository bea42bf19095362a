#include "health/check_backups.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/exit_code.h"
#include "health/check_space.h"

namespace spendsync::health {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kNow = Timestamp(hours(500'000));
constexpr uint64_t kGibibyte = uint64_t{1} << 30;

BackupFacts healthy() {
  BackupFacts facts;
  facts.now = kNow;
  facts.plan = {.full_every = hours(168), .logs_every = hours(4), .grace = hours(2), .rpo = hours(8)};
  facts.newest_full = kNow - hours(100);
  facts.restorable_until = kNow - hours(3);
  facts.lag = WalLag{.server = Lsn{0x5000000}, .stored = Lsn{0x4000000}};
  facts.newest_record = kNow - hours(3);
  return facts;
}

CheckItem find(const std::vector<CheckItem>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const CheckItem& item) { return item.name == name; });
  EXPECT_NE(found, items.end()) << name;
  return found == items.end() ? CheckItem{} : *found;
}
CheckItem item_of(const BackupFacts& facts, const std::string& name) { return find(judge_backups(facts), name); }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(CheckBackups, InTimeIsOk) {
  for (const auto& item : judge_backups(healthy())) EXPECT_EQ(item.verdict, CheckVerdict::ok) << item.what;
  EXPECT_TRUE(contains(item_of(healthy(), "backups.logs").what, "16.0 MiB of WAL is not stored yet"));
}

TEST(CheckBackups, FullIsOverdueOnlyAfterTheScheduleAndTheTimeItMayTake) {
  auto facts = healthy();
  facts.newest_full = kNow - hours(170);
  EXPECT_EQ(item_of(facts, "backups.full").verdict, CheckVerdict::ok);
  facts.newest_full = kNow - hours(170) - seconds(1);
  const auto item = item_of(facts, "backups.full");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_EQ(item.exit_code, kObjectiveMissed);
  EXPECT_EQ(item.fix, "spendsync-backup backup full");
}

TEST(CheckBackups, WithoutAFullBackupThereIsAWarningAndNothingElseIsJudged) {
  auto facts = healthy();
  facts.newest_full.reset();
  facts.restorable_until.reset();
  EXPECT_EQ(item_of(facts, "backups.full").verdict, CheckVerdict::warning);
  EXPECT_EQ(item_of(facts, "backups.logs").verdict, CheckVerdict::not_checked);
  EXPECT_EQ(item_of(facts, "backups.gap").verdict, CheckVerdict::not_checked);
}

TEST(CheckBackups, AServerOnATimelineToWhichNothingLeadsIsAProblem) {
  auto facts = healthy();
  facts.other_timeline = {TimelineId{8}, TimelineId{7}};
  const auto item = item_of(facts, "backups.timeline");
  EXPECT_EQ(item.verdict, CheckVerdict::problem);
  EXPECT_EQ(item.exit_code, kObjectiveMissed);
  EXPECT_TRUE(contains(item.what, "on timeline 8")) << item.what;
}

TEST(CheckBackups, LogsAreOverdueByScheduleAndByObjective) {
  auto facts = healthy();
  facts.restorable_until = kNow - hours(6) - minutes(1);
  EXPECT_TRUE(contains(item_of(facts, "backups.logs").what, "it is not run"));
  facts.restorable_until = kNow - hours(9);
  const auto item = item_of(facts, "backups.logs");
  EXPECT_EQ(item.exit_code, kObjectiveMissed);
  EXPECT_TRUE(contains(item.what, "objectives.rpo (8 h)")) << item.what;
}

TEST(CheckBackups, AnIdleServerLosesNothingHoweverOldTheNewestBackup) {
  auto facts = healthy();
  facts.restorable_until = kNow - hours(1000);
  facts.lag = WalLag{.server = Lsn{0x4000028}, .stored = Lsn{0x4000000}};
  EXPECT_EQ(item_of(facts, "backups.logs").verdict, CheckVerdict::ok);
  facts.lag->server = Lsn{0x4000060};
  EXPECT_EQ(item_of(facts, "backups.logs").verdict, CheckVerdict::problem);
}

TEST(CheckBackups, GapAndDamageAreProblems) {
  auto facts = healthy();
  facts.missing_wal = "000000010000000000000009";
  const auto gap = item_of(facts, "backups.gap");
  EXPECT_EQ(gap.verdict, CheckVerdict::problem);
  EXPECT_TRUE(contains(gap.what, "000000010000000000000009")) << gap.what;
  facts.damaged = {"20260101T000000Z-full: it is cut", "other"};
  const auto damage = item_of(facts, "backups.records");
  EXPECT_EQ(damage.exit_code, kDamaged);
  EXPECT_EQ(damage.what, "20260101T000000Z-full: it is cut (and 1 more)");
}

TEST(CheckBackups, RecordsFromTheFutureMeanThatAClockWentBack) {
  auto facts = healthy();
  facts.newest_record = kNow + seconds(4);
  EXPECT_EQ(item_of(facts, "clock.records").verdict, CheckVerdict::ok);
  facts.newest_record = kNow + seconds(60);
  EXPECT_EQ(item_of(facts, "clock.records").verdict, CheckVerdict::problem);
}

TEST(CheckClock, ToleratesSecondsInEitherDirection) {
  EXPECT_EQ(judge_clock({.here = kNow, .server = kNow + seconds(5)}).verdict, CheckVerdict::ok);
  EXPECT_EQ(judge_clock({.here = kNow, .server = kNow + seconds(6)}).verdict, CheckVerdict::warning);
  EXPECT_EQ(judge_clock({.here = kNow + seconds(6), .server = kNow}).verdict, CheckVerdict::warning);
}

SpaceFacts roomy() {
  SpaceFacts facts;
  facts.repository = {.path = "/repository", .free_bytes = 100 * kGibibyte};
  facts.state = {.path = "/state", .free_bytes = kGibibyte};
  facts.restore_target = {.path = "/restore", .free_bytes = 100 * kGibibyte};
  facts.pg_wal = Room{.path = "/pg_wal", .free_bytes = 10 * kGibibyte};
  facts.database_bytes = 50 * kGibibyte;
  facts.newest_stored_bytes = 20 * kGibibyte;
  facts.max_wal_size_bytes = kGibibyte;
  return facts;
}

TEST(CheckSpace, EnoughRoomIsOk) {
  for (const auto& item : judge_space(roomy())) EXPECT_EQ(item.verdict, CheckVerdict::ok) << item.what;
}

TEST(CheckSpace, RepositoryMustTakeTheNextBackup) {
  auto facts = roomy();
  facts.repository.free_bytes = 30 * kGibibyte;
  EXPECT_EQ(find(judge_space(facts), "space.repository").verdict, CheckVerdict::warning);
  facts.repository.free_bytes = 10 * kGibibyte;
  EXPECT_EQ(find(judge_space(facts), "space.repository").verdict, CheckVerdict::problem);
  facts.newest_stored_bytes.reset();  // nobody knows how well it compresses
  EXPECT_EQ(find(judge_space(facts), "space.repository").verdict, CheckVerdict::warning);
  facts.repository.free_bytes.reset();
  EXPECT_EQ(find(judge_space(facts), "space.repository").verdict, CheckVerdict::ok);
}

TEST(CheckSpace, WalRestoreAndState) {
  auto facts = roomy();
  facts.pg_wal->free_bytes = kGibibyte / 2;
  EXPECT_EQ(find(judge_space(facts), "space.pg_wal").verdict, CheckVerdict::warning);
  facts.pg_wal->free_bytes = kGibibyte / 8;
  EXPECT_EQ(find(judge_space(facts), "space.pg_wal").exit_code, kRefused);
  facts.pg_wal.reset();
  EXPECT_EQ(find(judge_space(facts), "space.pg_wal").verdict, CheckVerdict::not_checked);
  facts.restore_target.free_bytes = 49 * kGibibyte;
  const auto restore = find(judge_space(facts), "space.restore");
  EXPECT_EQ(restore.verdict, CheckVerdict::warning);
  EXPECT_TRUE(contains(restore.what, "would be refused")) << restore.what;
  facts.state.free_bytes.reset();
  EXPECT_EQ(find(judge_space(facts), "space.state").verdict, CheckVerdict::warning);
}

}  // namespace
}  // namespace spendsync::health
