// Restores in place: nothing that was acknowledged is lost, nothing that was there is deleted, and a second run of the
// same command brings to an end what the first one could not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/ledger.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class ProgramInPlace : public ::testing::Test {
 protected:
  ProgramInPlace() : installation_((server_.start(), server_)) {}

  /// As a power cut is to the processes: no shutdown, no last checkpoint.
  void kill_server() {
    const auto text = MUST(read_text_file(server_.data_directory() + "/postmaster.pid"));
    const pid_t postmaster = std::stoi(text);
    ::kill(postmaster, SIGKILL);
    SystemClock clock;
    for (int i = 0; i < 600 && ::kill(postmaster, 0) == 0; ++i)
      MUST(clock.sleep_for(std::chrono::milliseconds(10), {}));
  }
  void destroy(const std::string& directory) {
    server_.run({"/bin/sh", "-c", fmt::format("rm -rf {}/{}/*", server_.data_directory(), directory)});
  }
  std::vector<std::string> moved_aside(const std::string& suffix = "data.before-") const {
    std::vector<std::string> found;
    for (const auto& name : MUST(list_directory(server_.directory()))) {
      if (name.starts_with(suffix)) found.push_back(server_.directory() + "/" + name);
    }
    return found;
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramInPlace, LosesNoAcknowledgedCommitWhenPgWalIsIntact) {
  const int runs = std::getenv("SSB_TESTS") != nullptr && std::string(std::getenv("SSB_TESTS")) == "long" ? 20 : 5;
  installation_.must_run({"backup", "full"});
  for (int run = 1; run <= runs; ++run) {
    SCOPED_TRACE(fmt::format("run {}", run));
    server_.psql("drop table if exists ledger");
    LedgerClients clients(server_.connection_string(), 4);
    clients.wait_for_commits(200);
    // Some of them archived, some in whole segments that are not, the newest in the middle of one.
    if (run % 2 == 0) installation_.run({"backup", "transaction_logs"});  // may tell of a gap: the slot is a new one
    if (run % 3 == 0) server_.psql("select pg_switch_wal()");
    clients.wait_for_commits(200);
    kill_server();
    const auto commits = clients.stop();
    destroy("base");

    const auto output = installation_.run({"restore", "--latest", "--in-place", "--yes"});
    ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
    EXPECT_THAT(output.out, HasSubstr(".partial"));
    // Backends may have outlived the postmaster long enough for the server to count as running.
    const auto state = MUST(
        run_command(server_.command({server_.bin_directory() + "/pg_ctl", "status", "-D", server_.data_directory()}),
                    {}, std::chrono::seconds(60)));
    if (state.exit_status != 0) server_.start();
    const auto found = ledger_ids(server_.connection_string());
    size_t lost = 0;
    for (const auto& commit : commits) lost += found.contains(commit.id) ? 0u : 1u;
    EXPECT_EQ(lost, 0u) << "of " << commits.size();
    EXPECT_GE(commits.size(), 400u);
    EXPECT_EQ(server_.psql("select timeline_id from pg_control_checkpoint()"), std::to_string(run + 1));
    EXPECT_EQ(moved_aside().size(), static_cast<size_t>(run));
  }
  // The repository, too, leads to the last of it.
  server_.psql("create table witness as select 42 as n");
  installation_.must_run({"backup", "full"});
  installation_.must_run({"verify", "full", TimeZone::utc().day_of(SystemClock().now())});
}

TEST_F(ProgramInPlace, PutsEverythingBackToItsPlaceAndStartsTheServerAgain) {
  const auto place = server_.make_directory("fast");
  const auto etc = server_.make_directory("etc");
  server_.run({"/bin/sh", "-c",
               fmt::format("echo one > {0}/token && chmod 640 {0}/token && mkdir {0}/sub && echo two > "
                           "{0}/sub/gone && ln -s token {0}/link",
                           etc)});
  installation_.configure(fmt::format("files:\n  - {{ name: keys, paths: [{}] }}\n", etc));
  server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
               fmt::format("create tablespace fast location '{}'", place)});
  server_.psql("create table t tablespace fast as select 1 as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (2)");
  server_.run({"/bin/sh", "-c", fmt::format("echo changed > {0}/token && rm -r {0}/sub && echo new > {0}/newer", etc)});
  const auto key = MUST(read_file(installation_.key_file()));
  const auto oid = server_.psql("select oid from pg_tablespace where spcname = 'fast'");

  // As root, which drops to the server's user; the server is running.
  const auto output = installation_.run_as_caller({"restore", "--latest", "--in-place", "--yes"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select string_agg(n::text, ',' order by n) from t"), "1,2");
  EXPECT_EQ(server_.psql("select pg_tablespace_location(" + oid + ")"), place);
  EXPECT_EQ(server_.psql("show archive_mode") + server_.psql("select count(*) from pg_file_settings where name = "
                                                             "'archive_mode'"),
            "off0")
      << "archive_mode is nobody's business in place";
  const auto aside = moved_aside();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_THAT(output.out, HasSubstr("the old data directory is " + aside.front()));
  EXPECT_TRUE(exists(aside.front() + "/base/1"));
  EXPECT_EQ(MUST(list_directory(place)).size(), 2u) << "the old directory of the tablespace is kept beside";

  EXPECT_EQ(MUST(read_text_file(etc + "/token")), "one\n");
  EXPECT_EQ(MUST(read_text_file(etc + "/sub/gone")), "two\n");
  EXPECT_EQ(MUST(read_text_file(etc + "/newer")), "new\n");
  struct stat status {};
  ASSERT_EQ(::stat((etc + "/token").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
  const auto kept = moved_aside("data.files.before-");
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(MUST(read_text_file(kept.front() + etc + "/token")), "changed\n");
  EXPECT_FALSE(exists(server_.data_directory() + ".files"));
  EXPECT_EQ(MUST(read_file(installation_.key_file())), key);
  for (const char* name : {"spendsync-restore.unfinished", "spendsync-restore.in-place", "recovery.signal"}) {
    EXPECT_FALSE(exists(server_.data_directory() + "/" + name)) << name;
  }
}

TEST_F(ProgramInPlace, RefusesWhatNobodyConfirmedAndWhatIsAnotherCluster) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  const auto unasked = installation_.run({"restore", "--latest", "--in-place"});
  EXPECT_EQ(unasked.exit_status, 4) << unasked.err;
  EXPECT_THAT(unasked.err, HasSubstr("--yes"));
  const auto plan = installation_.run({"restore", "--latest", "--in-place", "--plan"});
  EXPECT_EQ(plan.exit_status, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("becomes " + server_.data_directory() + ".before-"));
  EXPECT_EQ(installation_.run({"restore", "--latest", "--in-place", "--target", "/x", "--yes"}).exit_status, 2);
  EXPECT_EQ(installation_.run({"restore", "--latest", "--yes"}).exit_status, 2);
  EXPECT_EQ(server_.psql("select n from t"), "1") << "the server still runs";

  server_.stop();
  server_.run({"/bin/sh", "-c", fmt::format("mv {0} {0}.mine", server_.data_directory())});
  server_.run({server_.bin_directory() + "/initdb", "-D", server_.data_directory(), "-A", "trust", "--no-sync"});
  const auto foreign = installation_.run({"restore", "--latest", "--in-place", "--yes"});
  EXPECT_EQ(foreign.exit_status, 4) << foreign.err;
  EXPECT_THAT(foreign.err, HasSubstr("system identifier"));
  EXPECT_TRUE(exists(server_.data_directory() + "/base/1/PG_VERSION"));
  EXPECT_TRUE(moved_aside().empty());
}

TEST_F(ProgramInPlace, AsksForTheClustersNameOnATerminal) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  const auto answer = [&](const std::string& typed) {
    return MUST(run_command(
        server_.command(
            {"/bin/sh", "-c",
             fmt::format("printf '{}\\n' | /usr/bin/script -qec '{} --config {} restore --latest --in-place' "
                         "/dev/null",
                         typed, installation_.program(), installation_.config_file())}),
        {}, std::chrono::seconds(120)));
  };
  const auto wrong = answer("production");
  EXPECT_EQ(wrong.exit_status, 4) << wrong.out << wrong.err;
  EXPECT_THAT(wrong.out, HasSubstr("Type the cluster's name (test) to go on"));
  EXPECT_TRUE(moved_aside().empty());
  EXPECT_EQ(server_.psql("select n from t"), "1");
  const auto right = answer("test");
  EXPECT_EQ(right.exit_status, 0) << right.out << right.err;
  EXPECT_EQ(moved_aside().size(), 1u);
  EXPECT_EQ(server_.psql("select n from t"), "1");
}

TEST_F(ProgramInPlace, RefusesToLeaveCommitsBehindWhereWalIsMissing) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  server_.psql("select pg_drop_replication_slot(slot_name) from pg_replication_slots");
  for (int i = 2; i <= 5; ++i) {
    server_.psql(fmt::format("insert into t values ({})", i));
    server_.psql("select pg_switch_wal()");
    server_.psql("checkpoint");  // recycles what no slot keeps
  }
  server_.psql("insert into t values (6)");
  server_.make_directory("data.unarchived-wal-20200101T000000Z");  // of an earlier restore
  const auto refused = installation_.run({"restore", "--latest", "--in-place", "--yes"});
  EXPECT_EQ(refused.exit_status, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("later commits would be lost"));
  EXPECT_TRUE(moved_aside().empty());
  const auto meant = installation_.run({"restore", "--latest", "--target-timeline", "1", "--in-place", "--yes"});
  EXPECT_EQ(meant.exit_status, 0) << meant.out << meant.err;
  EXPECT_EQ(server_.psql("select min(n) from t"), "1") << "it ran before the first attempt";
}

TEST_F(ProgramInPlace, AKilledOneIsBroughtToItsEndByTheSameCommand) {
  server_.psql("create table t as select generate_series(1, 200000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t select generate_series(1, 100000)");
  {
    auto killed = MUST(ChildProcess::start(installation_.command({"restore", "--latest", "--in-place", "--yes"})));
    SystemClock clock;
    const auto marker = server_.data_directory() + "/spendsync-restore.unfinished";
    for (int i = 0; i < 6000 && !exists(marker) && !killed.poll(); ++i) {
      MUST(clock.sleep_for(std::chrono::milliseconds(5), {}));
    }
    ASSERT_TRUE(exists(marker)) << "the kill came too late";
    killed.kill(SIGKILL);  // the whole group: runuser, too
    MUST(killed.wait({}, std::chrono::milliseconds(10'000)));
  }
  ASSERT_EQ(moved_aside().size(), 1u);
  const auto output = installation_.run({"restore", "--latest", "--in-place", "--yes"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select count(*) from t"), "300000") << "it ran before, so it runs again";
  EXPECT_EQ(moved_aside().size(), 1u) << "what is half restored is not moved aside as well";
}

TEST_F(ProgramInPlace, WhatAnEarlierOneLeftIsNotTakenForThisOne) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (2)");
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", server_.data_directory()});
  const auto leave = [&](const std::string& control) {
    const auto text = fmt::format(
        R"({{"control":"{}","plan":"0123456789abcdef","was_running":true,"server_options":"","stamp":"20200101T000000Z",)"
        R"("moved_to":"","timeline":1,"restored":true}})",
        control);
    server_.run({"/bin/sh", "-c",
                 fmt::format("printf %s '{}' > {}/spendsync-restore.in-place", text, server_.data_directory())});
  };
  auto digest = server_.run({"/usr/bin/sha256sum", server_.data_directory() + "/global/pg_control"}).substr(0, 64);
  for (const auto& control : {digest, std::string(64, '0')}) {  // of another plan; of a server that has run since
    leave(control);
    const auto output =
        installation_.run({"restore", "full", TimeZone::utc().day_of(SystemClock().now()), "--in-place", "--yes"});
    ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
    EXPECT_THAT(output.out, HasSubstr("recovered to"));
    EXPECT_FALSE(exists(server_.data_directory() + "/postmaster.pid")) << "it did not run before";
  }
  server_.start();
  EXPECT_EQ(server_.psql("select string_agg(n::text, ',') from t"), "1");
  EXPECT_EQ(moved_aside().size(), 2u);
}

TEST_F(ProgramInPlace, SeveralWithinOneSecondKeepTheirOldDirectoriesUnderNamesOfTheirOwn) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  // As if others had been begun in every second in which this one may begin.
  const auto now = std::chrono::floor<std::chrono::seconds>(SystemClock().now());
  constexpr int kSeconds = 120;
  for (int second = 0; second < kSeconds; ++second) {
    const auto kept = fmt::format("{}.before-{}", server_.data_directory(),
                                  format_compact_utc(Timestamp(now + std::chrono::seconds(second))));
    MUST(make_directories(kept + "/base", 0755));
  }
  const auto output = installation_.run({"restore", "--latest", "--in-place", "--yes"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_EQ(server_.psql("select n from t"), "1") << "it ran before, so it runs again";
  const auto aside = moved_aside();
  EXPECT_EQ(aside.size(), kSeconds + 1u);
  const auto own = std::ranges::find_if(aside, [](const std::string& path) { return path.ends_with("-2"); });
  ASSERT_NE(own, aside.end());
  EXPECT_TRUE(exists(*own + "/global/pg_control"));
}

TEST_F(ProgramInPlace, DeltaRewritesWhereItLies) {
  server_.psql("create table t as select generate_series(1, 200000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (-1)");
  const auto output = installation_.run({"--json", "restore", "--latest", "--in-place", "--delta", "--yes"});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  auto text = output.out;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto report = MUST(Json::parse(text.substr(text.rfind('\n') + 1)));
  EXPECT_LT(MUST(report.unsigned_integer("written_bytes")), MUST(report.unsigned_integer("bytes")) / 2);
  EXPECT_EQ(server_.psql("select count(*), min(n) from t"), "200001|-1");
  EXPECT_TRUE(moved_aside().empty());
}

}  // namespace
}  // namespace spendsync::testing
