// restore --delta on a directory beside the original, and restores that are taken up where they were killed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

class ProgramDelta : public ::testing::Test {
 protected:
  ProgramDelta() : installation_((server_.start(), server_)) {}
  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string today() const { return TimeZone::utc().day_of(SystemClock().now()); }
  void shell(const std::string& script) const { server_.run({"/bin/sh", "-c", script}); }
  uint64_t number(const Json& report, const char* name) const { return MUST(report.unsigned_integer(name)); }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramDelta, RewritesWhatDiffersAndNothingElse) {
  server_.psql("create table t as select generate_series(1, 300000) as n; create table u as select 1 as n");
  const auto relation = server_.psql("select pg_relation_filepath('t')");
  const auto other = server_.psql("select pg_relation_filepath('u')");
  installation_.must_run({"backup", "full"});
  const std::vector<std::string> fresh{"restore", "full", today(), "--no-start", "--target", target("copy")};
  const auto first = installation_.must_summarize(fresh);
  EXPECT_EQ(number(first, "written_bytes"), number(first, "bytes"));
  shell(
      fmt::format("printf xx | dd of={0}/{1} bs=1 seek=500000 conv=notrunc status=none && rm {0}/{2} && "
                  "echo extra > {0}/base/1/99999 && ln -s / {0}/base/link && truncate -s 8192 {0}/base/1/1259",
                  target("copy"), relation, other));

  auto delta = fresh;
  delta.emplace_back("--delta");
  const auto second = installation_.must_summarize(delta);
  EXPECT_GT(number(second, "written_bytes"), 0u);
  EXPECT_LT(number(second, "written_bytes"), 2u << 20);
  EXPECT_FALSE(exists(target("copy") + "/base/1/99999"));
  EXPECT_FALSE(exists(target("copy") + "/base/link"));
  EXPECT_THAT(server_.run({"pg_verifybackup", target("copy")}), HasSubstr("successfully verified"));

  // Recovered and used meanwhile: still a directory of this cluster.
  const auto third = installation_.must_summarize({"restore", "full", today(), "--delta", "--target", target("copy")});
  EXPECT_LT(number(third, "written_bytes"), 1u << 20);
  const auto fourth = installation_.must_summarize(delta);
  EXPECT_LT(number(fourth, "written_bytes"), number(fourth, "bytes") / 2);
  EXPECT_THAT(server_.run({"pg_verifybackup", target("copy")}), HasSubstr("successfully verified"));
}

TEST_F(ProgramDelta, RefusesRunningServersOtherClustersAndWhatIsNoDataDirectory) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  const auto refused = [&](const std::string& directory, const std::string& why) {
    const auto output = installation_.run({"restore", "full", today(), "--delta", "--target", directory});
    EXPECT_EQ(output.exit_status, 4) << output.err;
    EXPECT_THAT(output.err, HasSubstr(why));
  };
  EXPECT_EQ(installation_.run({"restore", "full", today(), "--delta"}).exit_status, 2);
  refused(server_.data_directory(), "is the original data directory");
  refused(server_.data_directory() + "/", "is the original data directory");
  shell(fmt::format("ln -s {} {}", server_.directory(), target("way")));
  refused(target("way") + "/data", "is the original data directory");
  refused(target("nowhere"), "is no data directory");
  shell(fmt::format("mkdir {0} && echo precious > {0}/file", target("plain")));
  refused(target("plain"), "is no data directory");
  EXPECT_EQ(MUST(read_text_file(target("plain") + "/file")), "precious\n");

  server_.run({server_.bin_directory() + "/initdb", "-D", target("foreign"), "-A", "trust", "--no-sync"});
  refused(target("foreign"), "system identifier");
  EXPECT_TRUE(exists(target("foreign") + "/global/pg_control"));

  installation_.must_run({"restore", "full", today(), "--target", target("copy")});
  const auto socket = server_.make_directory("socket");
  server_.run({server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", target("copy"), "-l", target("copy.log"), "-o",
               fmt::format("-c unix_socket_directories={} -c port=6003", socket)});
  refused(target("copy"), "a server runs on");
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", target("copy")});
}

TEST_F(ProgramDelta, LeavesTheOriginalsTablespaceAlone) {
  const auto place = server_.make_directory("fast");
  server_.psql("create tablespace fast location '" + place + "'");
  server_.psql("create table t tablespace fast as select generate_series(1, 2000) as n");
  installation_.must_run({"backup", "full"});
  installation_.must_run({"restore", "full", today(), "--no-start", "--target", target("copy")});
  server_.psql("create table later tablespace fast as select 1 as n");
  server_.psql("checkpoint");
  const auto output = installation_.run({"restore", "full", today(), "--no-start", "--delta", "--target",
                                         target("copy"), "--tablespace", place + "=" + place});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("is not empty"));
  EXPECT_TRUE(exists(server_.data_directory() + "/" + server_.psql("select pg_relation_filepath('later')")));
}

TEST_F(ProgramDelta, RewritesTheTablespacesThatItWasGivenBefore) {
  const auto place = server_.make_directory("fast");
  server_.psql("create tablespace fast location '" + place + "'");
  server_.psql("create table t tablespace fast as select generate_series(1, 2000) as n");
  installation_.must_run({"backup", "full"});
  const auto moved = target("moved");
  std::vector<std::string> words{"restore",  "full",         today(),        "--no-start",
                                 "--target", target("copy"), "--tablespace", place + "=" + moved};
  installation_.must_run(words);
  words.emplace_back("--delta");
  const auto report = installation_.must_summarize(words);
  EXPECT_LT(number(report, "written_bytes"), number(report, "bytes") / 2);
  EXPECT_THAT(server_.run({"pg_verifybackup", target("copy")}), HasSubstr("successfully verified"));

  // A copy of the server's directory has links to the server's tablespaces.
  shell(fmt::format("cp -a {} {} && rm {}/postmaster.pid", server_.data_directory(), target("twin"), target("twin")));
  server_.psql("create table later tablespace fast as select 1 as n");
  server_.psql("checkpoint");
  const auto refused = installation_.run({"restore", "full", today(), "--no-start", "--delta", "--target",
                                          target("twin"), "--tablespace", place + "=" + place});
  EXPECT_EQ(refused.exit_status, 4) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("is not empty"));
  EXPECT_TRUE(exists(server_.data_directory() + "/" + server_.psql("select pg_relation_filepath('later')")));
}

TEST_F(ProgramDelta, AKilledRestoreIsTakenUpWithWhatItHadWritten) {
  server_.psql("create table t as select generate_series(1, 1500000) as n");
  const auto relation = server_.psql("select pg_relation_filepath('t')");
  installation_.must_run({"backup", "full"});
  const std::vector<std::string> words{"restore", "full", today(), "--no-start", "--target", target("copy")};
  {
    auto killed = MUST(ChildProcess::start(installation_.command(words)));
    SystemClock clock;
    // The large table comes late in the walk: most of the rest is there by then.
    for (int i = 0; i < 6000 && !exists(target("copy") + "/" + relation) && !killed.poll(); ++i) {
      MUST(clock.sleep_for(std::chrono::milliseconds(2), {}));
    }
    killed.kill(SIGKILL);
    MUST(killed.wait({}, std::chrono::milliseconds(10'000)));
  }
  ASSERT_TRUE(exists(target("copy") + "/spendsync-restore.unfinished")) << "the kill came too late";
  // As killed runs leave it: the copy of the program that the recovering server would have called.
  const std::string left = "/tmp/ssb-restore-killed";
  shell(fmt::format("mkdir -p {0} && touch {0}/program && touch -d '2 hours ago' {0}", left));
  EXPECT_FALSE(exists(target("copy") + "/global/pg_control"));
  const auto report = installation_.must_summarize(words);
  EXPECT_FALSE(exists(left));
  EXPECT_LT(number(report, "written_bytes"), number(report, "bytes"));
  EXPECT_THAT(server_.run({"pg_verifybackup", target("copy")}), HasSubstr("successfully verified"));
}

TEST_F(ProgramDelta, ARestoreThatWasKilledWhenAllWasDoneSucceedsTheSecondTime) {
  server_.psql("create table t as select 1 as n");
  installation_.must_run({"backup", "full"});
  const auto marker = target("copy") + "/spendsync-restore.unfinished";
  for (const char* ending : {"--no-start", "--database-only"}) {  // not recovered, and recovered
    SCOPED_TRACE(ending);
    const std::vector<std::string> words{"restore", "full", today(), ending, "--target", target("copy")};
    auto killed = MUST(ChildProcess::start(installation_.command(words)));
    SystemClock clock;
    bool begun = false;
    for (int i = 0; i < 60000 && !killed.poll(); ++i) {
      begun = begun || exists(marker);
      if (begun && !exists(marker)) break;
      MUST(clock.sleep_for(std::chrono::milliseconds(1), {}));
    }
    killed.kill(SIGKILL);
    MUST(killed.wait({}, std::chrono::milliseconds(10'000)));
    ASSERT_TRUE(begun);
    ASSERT_FALSE(exists(marker));
    const auto output = installation_.run(words);
    EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
    EXPECT_THAT(output.out, HasSubstr("came to its end here before"));

    const auto socket = server_.make_directory(std::string("s") + ending);
    server_.run({server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", target("copy"), "-l", target("copy.log"),
                 "-o", fmt::format("-c unix_socket_directories={} -c port=6003 -c listen_addresses=", socket)});
    server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", target("copy")});
    const auto used = installation_.run(words);
    EXPECT_EQ(used.exit_status, 4) << "a server has run on it: " << used.out;
    MUST(remove_tree(target("copy")));
  }
}

TEST_F(ProgramDelta, AFinishedRestoreOfWhichAPartWasDeletedIsNotFinished) {
  const auto place = server_.make_directory("fast");
  const auto captured = server_.make_directory("etc");
  shell(fmt::format("echo token > {}/token", captured));
  installation_.configure(fmt::format("files:\n  - {{ name: keys, paths: [{}] }}\n", captured));
  server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
               fmt::format("create tablespace fast location '{}'", place)});
  server_.psql("create table t tablespace fast as select 1 as n");
  server_.psql("create table u as select 1 as n");
  installation_.must_run({"backup", "full"});
  const auto copy = target("copy");
  const std::vector<std::string> parts{
      copy + "-tablespaces/" + server_.psql("select oid from pg_tablespace where spcname = 'fast'"),
      copy + ".files/keys", copy + "/base/1", copy + "/" + server_.psql("select pg_relation_filepath('u')")};
  for (bool recovered : {false, true}) {
    std::vector<std::string> words{"restore", "full", today(), "--target", copy};
    if (!recovered) words.emplace_back("--no-start");
    installation_.must_run(words);
    for (const auto& part : parts) {
      SCOPED_TRACE((recovered ? "recovered, without " : "not recovered, without ") + part);
      shell(fmt::format("mv {} {}", part, target("away")));
      const auto output = installation_.run(words);
      EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
      EXPECT_THAT(output.err, HasSubstr("is not empty"));
      shell(fmt::format("mv {} {}", target("away"), part));
      EXPECT_THAT(installation_.run(words).out, HasSubstr("came to its end here before"));
    }
    shell(fmt::format("rm -r {0} {0}.files {0}-tablespaces", copy));
  }
}

}  // namespace
}  // namespace spendsync::testing
