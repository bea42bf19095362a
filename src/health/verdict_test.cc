#include "health/verdict.h"

#include <gtest/gtest.h>

namespace spendsync::health {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Timestamp kNow = Timestamp(hours(500'000));
constexpr uint64_t kMebibyte = 1u << 20;

VerdictFacts facts() {
  VerdictFacts facts;
  facts.now = kNow;
  facts.restorable_until = kNow - minutes(3);
  facts.work = RecoveryWork{.label = "20270114T080000Z-full",
                            .restored_bytes = 1000 * kMebibyte,
                            .wal_bytes = 320 * kMebibyte,
                            .copy_duration = seconds(20)};
  facts.rpo = hours(4);
  facts.rto = hours(4);
  return facts;
}

TEST(Verdict, EstimatesFromTheBackupAndTheWalToReplay) {
  const auto verdict = judge(facts());
  EXPECT_TRUE(verdict.recoverable);
  EXPECT_FALSE(verdict.measured);
  EXPECT_EQ(verdict.recovery, seconds(35));  // 20 s of copying, 320 MiB of WAL at 32 MiB/s, 5 s for the server
  EXPECT_EQ(verdict.headline(), "SAFE     if this server died now: lose at most 3 min, back in about 35 s (estimated)");
  EXPECT_NE(verdict.basis.find("no restore was measured"), std::string::npos);
}

TEST(Verdict, ScalesAMeasuredRestoreByWhatThereIsNowAndNeverBelowIt) {
  auto given = facts();
  given.measured = RestoreMeasurement{.label = "20270101T000000Z-full",
                                      .finished = kNow - hours(72),
                                      .duration = seconds(40),
                                      .restored_bytes = 600 * kMebibyte,
                                      .wal_bytes = 60 * kMebibyte};
  auto verdict = judge(given);
  EXPECT_TRUE(verdict.measured);
  EXPECT_EQ(verdict.recovery, seconds(80));  // twice the bytes
  EXPECT_NE(verdict.basis.find("20270101T000000Z-full"), std::string::npos);
  given.work->restored_bytes = kMebibyte;
  given.work->wal_bytes = 0;
  EXPECT_EQ(judge(given).recovery, seconds(40));
}

TEST(Verdict, AnIdleServerLosesNothing) {
  auto given = facts();
  given.all_stored = true;
  given.restorable_until = kNow - hours(100);
  const auto verdict = judge(given);
  EXPECT_EQ(verdict.loss, seconds(0));
  EXPECT_TRUE(verdict.missed.empty());
  EXPECT_NE(verdict.headline().find("lose nothing"), std::string::npos);
}

TEST(Verdict, NamesEachObjectiveThatIsMissed) {
  auto given = facts();
  given.rpo = minutes(2);
  given.rto = seconds(34);
  const auto verdict = judge(given);
  ASSERT_EQ(verdict.missed.size(), 2u);
  EXPECT_EQ(verdict.missed[0], "RPO: up to 3 min would be lost, objectives.rpo is 2 min");
  EXPECT_EQ(verdict.missed[1], "RTO: it would take about 35 s, objectives.rto is 34 s");
  EXPECT_TRUE(verdict.headline().starts_with("NOT SAFE")) << verdict.headline();
}

TEST(Verdict, AServerThatDoesNotAnswerIsNotSafeAndNotLost) {
  auto given = facts();
  given.server_answers = false;
  EXPECT_EQ(judge(given).safety, Safety::unknown);
  EXPECT_EQ(judge(given).headline(),
            "UNKNOWN  the server cannot be asked; if it is lost: lose at most 3 min, back in about 35 s (estimated)");
  given.rpo = minutes(2);  // missed whatever the server would say
  EXPECT_EQ(judge(given).safety, Safety::unsafe);
  EXPECT_TRUE(judge(given).headline().starts_with("NOT SAFE if this server died now: lose at most 3 min"));
}

TEST(Verdict, AProblemIsNotSafeThoughObjectivesAreKept) {
  auto given = facts();
  given.problems = true;
  EXPECT_EQ(judge(given).safety, Safety::unsafe);
  EXPECT_TRUE(judge(given).missed.empty());
  EXPECT_TRUE(judge(given).headline().starts_with("NOT SAFE if this server died now: ")) << judge(given).headline();
}

TEST(Verdict, WithoutABackupEverythingIsLost) {
  auto given = facts();
  given.restorable_until.reset();
  given.work.reset();
  const auto verdict = judge(given);
  EXPECT_FALSE(verdict.recoverable);
  EXPECT_EQ(verdict.missed.size(), 1u);
  EXPECT_NE(verdict.headline().find("everything would be lost"), std::string::npos);
}

TEST(Verdict, AClockThatWentBackLosesNoTime) {
  auto given = facts();
  given.restorable_until = kNow + hours(1);
  EXPECT_EQ(judge(given).loss, seconds(0));
}

}  // namespace
}  // namespace spendsync::health
