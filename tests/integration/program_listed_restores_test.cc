// What is listed can be restored, whatever happens at the source while it is backed up.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <thread>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

std::string today() { return TimeZone::utc().day_of(SystemClock().now()); }

class ListedRestores : public ::testing::Test {
 protected:
  ListedRestores() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {}

  void expect_verified() {
    const auto verified = installation_.run({"verify", "full", today()});
    EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  }

  /// Incompressible rows, so that a throttled backup takes some seconds.
  void fill() {
    server_.psql(
        "create table noise as select i, sha512(i::text::bytea) || sha512((-i)::text::bytea) as bytes"
        " from generate_series(1, 150000) i");
  }
  bool sends_packs(const std::string& type) const {
    std::error_code error;  // what is not there yet, or not any more, is no pack
    for (std::filesystem::recursive_directory_iterator at(installation_.repository_path(), error), end;
         !error && at != end; at.increment(error)) {
      if (at->path().string().find("-" + type + "/packs/") != std::string::npos) return true;
    }
    return false;
  }
  struct Ended {
    int exit_status = 0;
    std::string output;
  };
  /// A throttled backup, during which `meanwhile` is done once it has begun to send.
  Ended back_up(const std::string& type, const std::function<void()>& meanwhile) const {
    auto command = installation_.command({"backup", type, "--throttle", "3 MiB/s"});
    command.output_file = installation_.directory() + "/backup.log";
    auto child = MUST(ChildProcess::start(command));
    while (!sends_packs(type)) {
      if (child.wait({}, std::chrono::milliseconds(1))) ADD_FAILURE() << "it ended before it had sent anything";
    }
    meanwhile();
    Ended ended;
    ended.exit_status = MUST(child.wait({}, std::chrono::seconds(120)));
    ended.output = MUST(read_text_file(command.output_file));
    return ended;
  }
  void expect_new_start(const Ended& ended) const {
    EXPECT_EQ(ended.exit_status, 0) << ended.output;
    EXPECT_NE(ended.output.find("takes a new start point"), std::string::npos) << ended.output;
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ListedRestores, WithSetIdAndStickyBitsInTheDataDirectory) {
  const auto log = server_.data_directory() + "/log";
  server_.run({"/bin/mkdir", "-p", log});
  server_.run({"/bin/chmod", "2750", log});
  server_.run({"/bin/chmod", "1700", server_.data_directory() + "/pg_stat"});
  server_.psql("create table kept as select generate_series(1, 1000) i");
  installation_.must_run({"backup", "full"});
  expect_verified();
  const auto target = installation_.directory() + "/target";
  const auto restored = installation_.must_run({"restore", "--latest", "--target", target});
  EXPECT_NE(restored.find("2 entries of the data directory lost set-id or sticky bits"), std::string::npos) << restored;
  RestoredServer copy(server_, target);
  EXPECT_EQ(copy.psql("select count(*) from kept"), "1000\n");
}

TEST_F(ListedRestores, FromADataDirectoryThatTheGroupInherits) {
  for (const auto& [mode, group_access] : {std::pair("2700", false), std::pair("2750", true)}) {
    server_.run({"/bin/chmod", mode, server_.data_directory()});
    installation_.must_run({"backup", "full"});
    const auto target = installation_.directory() + "/target" + mode;
    installation_.must_run({"restore", "--latest", "--target", target, "--no-start"});
    struct stat status {};
    ASSERT_EQ(::stat(target.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, group_access ? 0750u : 0700u);
  }
}

TEST_F(ListedRestores, WithATablespaceThatIsMadeWhileAFullRuns) {
  fill();
  const auto location = server_.make_directory("fast");
  expect_new_start(back_up("full", [&] {
    server_.psql("create table before_it as select generate_series(1, 100) i");
    server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c",
                 "create tablespace fast location '" + location + "'"});
    server_.psql("create table inside tablespace fast as select generate_series(1, 1000) i");
  }));
  expect_verified();
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "full", today(), "--target", target});
  RestoredServer copy(server_, target);
  EXPECT_EQ(copy.psql("select count(*), (select count(*) from noise) from inside"), "1000|150000\n");
  EXPECT_EQ(
      copy.psql("select pg_tablespace_location(oid) <> '" + location + "' from pg_tablespace where spcname = 'fast'"),
      "t\n");
}

TEST_F(ListedRestores, WithADatabaseThatMovesWhileAFullRuns) {
  fill();
  const auto location = server_.make_directory("fast");
  const auto statement = [&](const std::string& sql) {
    server_.run({"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server_.connection_string(), "-c", sql});
  };
  statement("create tablespace fast location '" + location + "'");
  statement("create database app");
  server_.psql("create table t as select i, md5(i::text) x from generate_series(1, 20000) i", "app");
  expect_new_start(back_up("full", [&] { statement("alter database app set tablespace fast"); }));
  expect_verified();
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "full", today(), "--target", target});
  RestoredServer copy(server_, target);
  const auto rows = server_.run({"psql", "-X", "-A", "-t", "-q", "-d", copy.connection_string() + " dbname=app", "-c",
                                 "select count(*), md5(string_agg(x, '' order by i)) from t"});
  EXPECT_EQ(rows, server_.psql("select count(*), md5(string_agg(x, '' order by i)) from t", "app") + "\n");
}

TEST_F(ListedRestores, WithATablespaceThatGoesWhileAnIncrementalRuns) {
  const auto location = server_.make_directory("fast");
  const auto statement = [&](const std::string& sql) {
    server_.run({"psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server_.connection_string(), "-c", sql});
  };
  statement("create tablespace fast location '" + location + "'");
  installation_.must_run({"backup", "full"});
  fill();
  expect_new_start(back_up("incremental", [&] { statement("drop tablespace fast"); }));
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "--latest", "--target", target});
  RestoredServer copy(server_, target);
  EXPECT_EQ(copy.psql("select (select count(*) from noise), (select count(*) from pg_tablespace)"), "150000|2\n");
}

TEST_F(ListedRestores, OrIsNotListedWhereTablespacesComeAndGoAllTheTime) {
  fill();
  const auto location = server_.make_directory("fast");
  std::jthread changes;
  const auto ended = back_up("full", [&] {
    changes = std::jthread([&](std::stop_token stop) {
      while (!stop.stop_requested()) {
        server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c",
                     "create tablespace fast location '" + location + "'", "-c", "drop tablespace fast"});
      }
    });
  });
  changes.request_stop();
  EXPECT_EQ(ended.exit_status, 6) << ended.output;
  EXPECT_NE(ended.output.find("the backup is not listed"), std::string::npos) << ended.output;
  EXPECT_NE(installation_.must_run({"list"}).find("no backups yet"), std::string::npos);
}

}  // namespace
}  // namespace spendsync::testing
