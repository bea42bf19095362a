#include "postgres/recovery_progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "base/time.h"

namespace spendsync::postgres {
namespace {

using Stop = RecoveryOutcome::Stop;

std::string line(const std::string& message, const std::string& level = "LOG") {
  return fmt::format("2026-11-23 14:20:13.123 UTC [4711] {}:  {}\n", level, message);
}

TEST(RecoveryLog, OfATargetTimeNamesTheLastTransactionRecovered) {
  auto outcome = parse_recovery_log(
      line("starting PostgreSQL 15.20 (Debian 15.20-0+deb12u1) on x86_64-pc-linux-gnu") +
      line("database system was interrupted; last known up at 2026-11-23 14:19:58 UTC") +
      line("starting point-in-time recovery to 2026-11-23 14:20:05.5+00") +
      line("restored log file \"000000010000000000000002\" from archive") + line("redo starts at 0/2000028") +
      line("consistent recovery state reached at 0/2000100") +
      line("database system is ready to accept read-only connections") +
      line("recovery stopping before commit of transaction 742, time 2026-11-23 14:20:06.000001+00") +
      line("redo done at 0/3000148 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.13 s") +
      line("last completed transaction was at log time 2026-11-23 15:20:05.25+01") +
      line("selected new timeline ID: 2") + line("archive recovery complete"));
  EXPECT_EQ(outcome.stop, Stop::before_transaction);
  EXPECT_TRUE(outcome.stop_at_commit);
  EXPECT_EQ(outcome.transaction, 742u);
  EXPECT_EQ(outcome.stop_time, MUST(parse_rfc3339("2026-11-23T14:20:06.000001Z")));
  EXPECT_EQ(outcome.last_transaction, MUST(parse_rfc3339("2026-11-23T14:20:05.25Z")));
  EXPECT_EQ(outcome.redo_start, Lsn{0x2000028});
  EXPECT_EQ(outcome.consistent, Lsn{0x2000100});
  EXPECT_EQ(outcome.redo_done, Lsn{0x3000148});
  EXPECT_EQ(outcome.new_timeline, TimelineId{2});
  EXPECT_TRUE(outcome.complete);
  EXPECT_FALSE(outcome.target_not_reached);
}

TEST(RecoveryLog, TellsEveryWayToStop) {
  auto after =
      parse_recovery_log(line("recovery stopping after abort of transaction 7, time 2026-11-23 14:20:06+05:30"));
  EXPECT_EQ(after.stop, Stop::after_transaction);
  EXPECT_FALSE(after.stop_at_commit);
  EXPECT_EQ(after.stop_time, MUST(parse_rfc3339("2026-11-23T08:50:06Z")));
  auto lsn = parse_recovery_log(line("recovery stopping after WAL location (LSN) \"16/B374D848\""));
  EXPECT_EQ(lsn.stop, Stop::after_lsn);
  EXPECT_EQ(lsn.stop_lsn, Lsn{0x16B374D848});
  EXPECT_EQ(parse_recovery_log(line("recovery stopping before WAL location (LSN) \"0/1\"")).stop, Stop::before_lsn);
  auto name =
      parse_recovery_log(line("recovery stopping at restore point \"a\", time b\", time 2026-11-23 14:20:06+00"));
  EXPECT_EQ(name.stop, Stop::restore_point);
  EXPECT_EQ(name.restore_point, "a\", time b");
  EXPECT_EQ(name.stop_time, MUST(parse_rfc3339("2026-11-23T14:20:06Z")));
  EXPECT_EQ(parse_recovery_log(line("recovery stopping after reaching consistency")).stop, Stop::consistency);
  EXPECT_TRUE(parse_recovery_log(line("recovery ended before configured recovery target was reached", "FATAL"))
                  .target_not_reached);
}

TEST(RecoveryLog, CountsOnlyTheLastRun) {
  auto outcome = parse_recovery_log(line("starting PostgreSQL 15.20") + line("redo starts at 0/1000000") +
                                    line("recovery stopping after reaching consistency") +
                                    line("starting PostgreSQL 15.20") + line("redo starts at 0/2000000"));
  EXPECT_EQ(outcome.stop, Stop::none);
  EXPECT_EQ(outcome.redo_start, Lsn{0x2000000});
}

TEST(RecoveryLog, PassesOverWhatItDoesNotKnow) {
  auto outcome = parse_recovery_log(
      "garbage\nLOG:  \nLOG:  recovery stopping \nLOG:  recovery stopping before commit of transaction x, time y\n"
      "STATEMENT:  select $$LOG:  archive recovery complete\n\tLOG:  archive recovery complete\nno end of line LOG:  "
      "redo");
  EXPECT_FALSE(outcome.complete);
  EXPECT_EQ(outcome.stop_time, std::nullopt);
  EXPECT_EQ(parse_recovery_log("").stop, Stop::none);
}

TEST(PauseReason, IsTheServersWarningWithItsDetail) {
  auto pause =
      line("hot standby is not possible because of insufficient parameter settings", "WARNING") +
      line("max_connections = 100 is a lower setting than on the primary server, where its value was 300.", "DETAIL") +
      line("recovery has paused") + line("If recovery is unpaused, the server will shut down.", "DETAIL");
  EXPECT_EQ(pause_reason(line("unrelated", "WARNING") + line("redo starts at 0/2000000") + pause),
            "hot standby is not possible because of insufficient parameter settings; max_connections = 100 is a lower "
            "setting than on the primary server, where its value was 300.");
  EXPECT_EQ(pause_reason(line("redo starts at 0/2000000")), std::nullopt);
  EXPECT_EQ(pause_reason(line("recovery has paused")), "");
  EXPECT_EQ(pause_reason(pause + line("starting PostgreSQL 15.20")), std::nullopt);
}

TEST(FatalMessages, AreTheLastWithTheirDetails) {
  auto log = line("one", "FATAL") + line("fine") + line("two", "FATAL") + line("because", "DETAIL") +
             line("do this", "HINT") + line("fine") + line("not of a fatal one", "HINT") + line("three", "PANIC");
  EXPECT_EQ(last_fatal_messages(log), "one | two; because; do this | three");
  EXPECT_EQ(last_fatal_messages(log, 1), "three");
  EXPECT_EQ(last_fatal_messages(line("fine")), "");
}

}  // namespace
}  // namespace spendsync::postgres
