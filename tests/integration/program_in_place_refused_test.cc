// Restores in place that are refused: whoever asked has the server that ran before, running.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProgramInPlaceRefused : public ::testing::Test {
 protected:
  ProgramInPlaceRefused() : installation_((server_.start(), server_)) {
    server_.psql("create table t as select 1 as n");
    installation_.must_run({"backup", "full"});
  }

  CommandOutput restore(std::vector<std::string> how) const {
    how.insert(how.begin(), "restore");
    how.insert(how.end(), {"--in-place", "--yes"});
    return installation_.run(std::move(how));
  }
  std::string started_at() const { return server_.psql("select pg_postmaster_start_time()"); }
  /// Found out when the stopped server's WAL is saved: a history file that nothing led to before.
  std::string unreadable() const { return server_.data_directory() + "/pg_wal/00000063.history"; }
  void make_saving_fail() const {
    server_.run({"/bin/sh", "-c", fmt::format("echo x > {0} && chmod 000 {0}", unreadable())});
  }
  /// Nothing but the directories that were there before lies beside the data directory, and nothing of ours in it.
  void expect_nothing_left() const {
    for (const auto& name : MUST(list_directory(server_.directory()))) {
      EXPECT_FALSE(name.starts_with("data.")) << name;
    }
    EXPECT_FALSE(exists(server_.data_directory() + "/spendsync-restore.in-place"));
    EXPECT_FALSE(exists(server_.data_directory() + "/spendsync-restore.unfinished"));
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramInPlaceRefused, WhatCanBeKnownBeforeIsRefusedWithoutStoppingTheServer) {
  const auto full = server_.make_directory("full");
  server_.run({"/bin/sh", "-c", fmt::format("echo x > {}/file", full)});
  const auto place = server_.make_directory("fast");
  server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
               fmt::format("create tablespace fast location '{}'", place)});
  installation_.must_run({"backup", "full"});
  const auto running_since = started_at();
  struct Case {
    std::vector<std::string> how;
    int exit_status;
    std::string why;
  };
  const std::vector<Case> cases = {
      {{"point_in_time", "20990101", "2099-01-01 12:00:00"}, 5, "nearest restorable"},
      {{"--latest", "--target-timeline", "7"}, 5, "say --target-timeline 1"},
      {{"--immediate", "--target-timeline", "7"}, 5, "say --target-timeline 1"},
      {{"--latest", "--tablespace", place + "=" + full}, 4, "is not empty"},
      {{"--latest", "--delta", "--tablespace", place + "=" + full}, 4, "is not empty"},
      {{"--target-name", "nowhere"}, 5, "is in no WAL"},
  };
  for (const auto& refused : cases) {
    SCOPED_TRACE(refused.why);
    const auto output = restore(refused.how);
    EXPECT_EQ(output.exit_status, refused.exit_status) << output.out << output.err;
    EXPECT_THAT(output.err, HasSubstr(refused.why));
    EXPECT_THAT(output.err, Not(HasSubstr("stopped")));
    EXPECT_EQ(started_at(), running_since);
    expect_nothing_left();
  }
}

TEST_F(ProgramInPlaceRefused, CommitsThatWouldBeLostAreFoundInTheRunningServersWal) {
  server_.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots");
  for (int i = 2; i <= 5; ++i) {
    server_.psql(fmt::format("insert into t values ({})", i));
    server_.psql("select pg_switch_wal()");
    server_.psql("checkpoint");  // recycles what no slot keeps
  }
  server_.psql("insert into t values (6)");
  const auto running_since = started_at();
  const auto output = restore({"--latest"});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("later commits would be lost"));
  EXPECT_EQ(started_at(), running_since);
  EXPECT_EQ(server_.psql("select max(n) from t"), "6");
  expect_nothing_left();
}

TEST_F(ProgramInPlaceRefused, TheHintForATimelineThatNothingLeadsToWorksWhenTyped) {
  const auto refused = restore({"--latest", "--target-timeline", "7"});
  EXPECT_THAT(refused.err, HasSubstr("--target-timeline 1"));
  const auto done = restore({"--latest", "--target-timeline", "1"});
  EXPECT_EQ(done.exit_status, 0) << done.out << done.err;
  EXPECT_EQ(server_.psql("select n from t"), "1");
}

TEST_F(ProgramInPlaceRefused, AMomentThatOnlyPgWalHoldsIsNoReasonToRefuse) {
  server_.psql("insert into t values (2)");
  server_.psql("select pg_create_restore_point('before_the_accident')");
  server_.psql("select pg_switch_wal()");
  server_.psql("insert into t values (3)");
  const auto output = restore({"--target-name", "before_the_accident"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
}

TEST_F(ProgramInPlaceRefused, AServerThatWasStoppedInVainRunsAgain) {
  server_.psql("insert into t values (2)");
  const auto running_since = started_at();
  make_saving_fail();
  const auto output = restore({"--latest"});
  EXPECT_NE(output.exit_status, 0) << output.out;
  EXPECT_THAT(output.err, HasSubstr("nothing was restored; the server was stopped, and runs again"));
  EXPECT_NE(started_at(), running_since);
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
  expect_nothing_left();
  server_.run({"/bin/rm", "-f", unreadable()});
  const auto again = restore({"--latest"});
  EXPECT_EQ(again.exit_status, 0) << again.out << again.err;
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
}

/// Its own programs are not asked to believe in a start: the message has the command for whoever mended what is wrong.
TEST_F(ProgramInPlaceRefused, WhereTheServerDoesNotStartAgainTheMessageHasTheCommand) {
  server_.psql("insert into t values (2)");
  make_saving_fail();
  server_.run(
      {"/bin/sh", "-c", fmt::format("echo 'no_such_setting = 1' >> {}/postgresql.conf", server_.data_directory())});
  const auto output = restore({"--latest"});
  EXPECT_EQ(output.exit_status, 1) << output.out << output.err;
  const auto command = fmt::format("{}/pg_ctl -D {} start", server_.bin_directory(), server_.data_directory());
  EXPECT_THAT(output.err, HasSubstr("start it with: " + command));
  server_.run({"/bin/sh", "-c",
               fmt::format("sed -i '/no_such_setting/d' {0}/postgresql.conf; {1} -w -l {0}/log.again >&2",
                           server_.data_directory(), command)});
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
}

TEST_F(ProgramInPlaceRefused, APlanOfAnEarlierMomentStaysApprovedWhileTheServerWrites) {
  server_.psql("insert into t values (2)");
  server_.psql("select pg_create_restore_point('before_the_accident')");
  const std::vector<std::string> how{"restore", "--target-name", "before_the_accident", "--in-place"};
  const auto id_of = [&] {
    auto words = how;
    words.emplace_back("--plan");
    const auto summary = installation_.must_summarize(words);
    return MUST(summary.find("plan")->text("plan_id"));
  };
  const auto id = id_of();
  server_.psql("insert into t select generate_series(3, 1000)");
  server_.psql("select pg_switch_wal()");
  server_.psql("insert into t values (1001)");
  EXPECT_EQ(id_of(), id);
  const auto output = restore({"--target-name", "before_the_accident", "--plan-id", id});
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
}

/// An earlier attempt was killed when it had stopped the server: the next one is refused, and leaves it running.
class ProgramInPlaceKilled : public ProgramInPlaceRefused {
 protected:
  ProgramInPlaceKilled() {
    server_.psql("insert into t values (2)");
    // Saving the stopped server's WAL waits here for a writer that never comes.
    const auto pipe = server_.data_directory() + "/pg_wal/00000063.history";
    server_.run({"/usr/bin/mkfifo", pipe});
    auto killed = MUST(ChildProcess::start(installation_.command({"restore", "--latest", "--in-place", "--yes"})));
    SystemClock clock;
    for (int i = 0; i < 6000 && exists(server_.data_directory() + "/postmaster.pid"); ++i) {
      MUST(clock.sleep_for(std::chrono::milliseconds(10), {}));
    }
    killed.kill(SIGKILL);
    MUST(killed.wait({}, std::chrono::milliseconds(10'000)));
    server_.run({"/bin/rm", "-f", pipe});
    EXPECT_FALSE(exists(server_.data_directory() + "/postmaster.pid"));
    EXPECT_TRUE(exists(server_.data_directory() + "/spendsync-restore.in-place"));
  }
};

TEST_F(ProgramInPlaceKilled, ARefusedSecondRunStartsTheServer) {
  const auto output = restore({"--target-name", "nowhere"});
  EXPECT_EQ(output.exit_status, 5) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("nothing was restored; the server was stopped, and runs again"));
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
  expect_nothing_left();
}

TEST_F(ProgramInPlaceKilled, ASecondRunThatNobodyConfirmsStartsTheServer) {
  const auto output = installation_.run({"restore", "--latest", "--in-place"});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
  expect_nothing_left();
}

TEST_F(ProgramInPlaceKilled, ASecondRunThatCannotOpenTheRepositoryStartsTheServer) {
  server_.run({"/bin/sh", "-c", fmt::format("mkdir {0}.away && mv {0}/* {0}.away", installation_.repository_path())});
  const auto output = restore({"--latest"});
  EXPECT_NE(output.exit_status, 0) << output.out;
  EXPECT_THAT(output.err, HasSubstr("nothing was restored; the server was stopped, and runs again"));
  EXPECT_EQ(server_.psql("select max(n) from t"), "2");
}

TEST_F(ProgramInPlaceKilled, ASecondRunThatIsRightGoesOn) {
  const auto plan = restore({"--latest", "--plan"});
  EXPECT_EQ(plan.exit_status, 0) << plan.err;
  EXPECT_FALSE(exists(server_.data_directory() + "/postmaster.pid")) << "a plan starts nothing";
  const auto output = restore({"--latest"});
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select max(n) from t"), "2") << "it ran before the first attempt";
}

}  // namespace
}  // namespace spendsync::testing
