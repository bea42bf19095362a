// A tablespace that was made after the backup: replaying its CREATE TABLESPACE would lead a copy to the files of the
// running server. No copy is made that way; in place, what lies there is moved aside.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Words = std::vector<std::string>;

class ProgramNewTablespace : public ::testing::Test {
 protected:
  ProgramNewTablespace() : installation_((server_.start(), server_)) {
    server_.psql("create table before_it as select 1 as n");
    installation_.must_run({"backup", "full"});
    server_.psql("insert into before_it values (2)");
    server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c",
                 fmt::format("create tablespace fast location '{}'", location_)});
    server_.psql("create table t (n int, v text) with (fillfactor = 40) tablespace fast");
    server_.psql("insert into t select n, 'open' from generate_series(1, 20000) n");
    server_.psql("checkpoint");
    inside_ = now_text();
    server_.psql("insert into t values (0, 'open')");
    installation_.must_run({"backup", "transaction_logs"});
    server_.psql("update t set v = 'paid'");  // the running server goes on
    server_.psql("checkpoint");
  }
  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  /// What lies in a directory of the location, by relative name.
  std::string sums(const std::string& directory) const {
    return server_.run({"/bin/sh", "-c", fmt::format("cd {} && find . -type f -exec md5sum {{}} + | sort", directory)});
  }
  std::string version_directory() const {
    for (const auto& name : MUST(list_directory(location_))) {
      if (name.find(".before-") == std::string::npos) return location_ + "/" + name;
    }
    return "";
  }
  std::string kept_directory() const {
    for (const auto& name : MUST(list_directory(location_))) {
      if (name.find(".before-") != std::string::npos) return location_ + "/" + name;
    }
    return "";
  }
  std::string rows() const { return server_.psql("select count(*), count(*) filter (where v = 'paid') from t"); }
  void expect_refused(const Words& words) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(words, " ")));
    const auto output = installation_.run(words);
    EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr(location_), HasSubstr("spendsync-backup backup incremental"),
                                  HasSubstr("--target-lsn ")));
  }

  RealServer server_;
  Installation installation_;
  std::string location_ = server_.make_directory("fast");
  std::string inside_;
};

TEST_F(ProgramNewTablespace, NoCopyTouchesTheFilesOfTheRunningServer) {
  const auto files = sums(location_);
  const auto today = TimeZone::utc().day_of(SystemClock().now());
  expect_refused({"restore", "--latest", "--target", target("copy")});
  expect_refused({"restore", "--latest", "--plan", "--target", target("copy")});
  expect_refused({"restore", "--latest", "--no-start", "--target", target("copy")});
  expect_refused({"restore", "point_in_time", today, inside_, "--target", target("copy")});
  expect_refused({"restore", "transaction_logs", today, "--target", target("copy")});
  expect_refused({"restore", "full", today, "--latest", "--target", target("copy")});
  expect_refused({"export", "--latest", "--format", "directory", "--output", target("copy")});
  expect_refused({"export", "point_in_time", today, inside_, "--format", "sql", "--database", "postgres", "--output",
                  target("dump.sql")});
  EXPECT_FALSE(exists(target("copy")));
  EXPECT_FALSE(exists(target("dump.sql")));
  EXPECT_THAT(installation_.run({"verify", "--restore", "full", today}).exit_status, AnyOf(0, 3));
  EXPECT_EQ(sums(location_), files);
  EXPECT_EQ(rows(), "20001|20001");
  server_.stop();
  server_.start();
  EXPECT_EQ(rows(), "20001|20001");
}

TEST_F(ProgramNewTablespace, TheStateBeforeItThatTheRefusalNamesCanBeRestored) {
  const auto files = sums(location_);
  const auto refusal = installation_.run({"restore", "--latest", "--target", target("copy")}).err;
  const auto at = refusal.find("--target-lsn ");
  ASSERT_NE(at, std::string::npos) << refusal;
  const auto lsn = refusal.substr(at + 13, refusal.find_first_of("; \n", at + 13) - at - 13);
  installation_.must_run({"restore", "--target-lsn", lsn, "--target", target("copy")});
  EXPECT_EQ(sums(location_), files);
  RestoredServer copy(server_, target("copy"));
  EXPECT_EQ(copy.psql("select count(*), (select count(*) from pg_tablespace) from before_it"), "2|2\n");
}

TEST_F(ProgramNewTablespace, CheckAndStatusWarnUntilTheNextBackupFromWhichEverythingWorks) {
  EXPECT_THAT(installation_.run({"check"}).out, HasSubstr("tablespace fast"));
  const auto told = installation_.run({"status"}).out;
  EXPECT_THAT(told, AllOf(HasSubstr("tablespace fast (" + location_ + ") is newer than"),
                          HasSubstr("-> spendsync-backup backup incremental")));
  installation_.must_run({"backup", "incremental"});
  server_.psql("insert into t values (-1, 'paid')");
  installation_.must_run({"backup", "transaction_logs"});
  EXPECT_THAT(installation_.run({"check"}).out, Not(HasSubstr("is newer than")));
  EXPECT_THAT(installation_.run({"status"}).out, Not(HasSubstr("is newer than")));
  const auto files = sums(location_);
  installation_.must_run({"restore", "--latest", "--target", target("copy")});
  installation_.must_run(
      {"export", "--latest", "--format", "sql", "--database", "postgres", "--output", target("dump.sql")});
  const auto today = TimeZone::utc().day_of(SystemClock().now());
  EXPECT_THAT(installation_.run({"verify", "--restore", "incremental", today}).exit_status, AnyOf(0, 3));
  RestoredServer copy(server_, target("copy"));
  EXPECT_EQ(copy.psql("select count(*), count(*) filter (where v = 'paid') from t"), "20002|20002\n");
  copy.psql("update t set v = 'of the copy'");
  copy.psql("checkpoint");
  EXPECT_EQ(sums(location_), files);
}

TEST_F(ProgramNewTablespace, InPlaceKeepsWhatLiesThereAndMakesItAnew) {
  server_.run({"/bin/sh", "-c", "echo kept > " + version_directory() + "/witness"});
  server_.stop();  // so that its files stay as they are
  const auto files = sums(version_directory());
  installation_.must_run({"restore", "--latest", "--in-place", "--yes", "--database-only"});
  EXPECT_EQ(sums(kept_directory()), files) << "what the old server had in it is kept";
  EXPECT_FALSE(exists(version_directory() + "/witness"));
  server_.start();
  EXPECT_EQ(rows(), "20001|20001");
}

TEST_F(ProgramNewTablespace, InPlaceToAMomentBetweenWorksOnARunningServer) {
  const auto today = TimeZone::utc().day_of(SystemClock().now());
  installation_.must_run(
      {"restore", "point_in_time", today, inside_, "--in-place", "--delta", "--yes", "--database-only"});
  EXPECT_EQ(rows(), "20000|0");
  EXPECT_NE(kept_directory(), "");
}

TEST_F(ProgramNewTablespace, InPlaceOnAHostWithoutTheLocationMakesIt) {
  installation_.must_run({"backup", "transaction_logs"});
  server_.stop("immediate");
  server_.run({"/bin/rm", "-rf", server_.data_directory(), location_});
  installation_.must_run({"restore", "--latest", "--in-place", "--yes", "--database-only"});
  server_.start();
  EXPECT_EQ(rows(), "20001|20001");
}

TEST_F(ProgramNewTablespace, InPlaceLeavesFilesAloneThatMayBeAnotherServers) {
  installation_.must_run({"backup", "transaction_logs"});
  server_.stop();
  server_.run({"/bin/sh", "-c", fmt::format("rm {}/pg_tblspc/*", server_.data_directory())});
  const auto files = sums(location_);
  const auto output = installation_.run({"restore", "--latest", "--in-place", "--yes", "--database-only"});
  EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("may be another server's"));
  EXPECT_EQ(sums(location_), files);
  EXPECT_TRUE(exists(server_.data_directory() + "/base/1"));
}

}  // namespace
}  // namespace spendsync::testing
