// Retention through the program: a plan, its execution, what is restored afterwards, kills in between.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <ctime>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

class Expire : public ::testing::Test {
 protected:
  Expire() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    library_ = installation_.directory() + "/later.so";
    MUST(run_checked(Command{{"install", "-m", "0755", SSB_CLOCK_AHEAD, library_}, {}, {}, {}}, {},
                     std::chrono::seconds(30)));
    server_.psql("create table ledger as select i from generate_series(1, 1000) i");
  }

  /// From now on the program's clock is thirty days ahead; the server's and the store's are not.
  void let_time_pass(const std::string& automatic = "false") {
    installation_.configure("expire: { automatic: " + automatic + " }\n");
    later_ = true;
  }
  Command command(std::vector<std::string> arguments) {
    auto command = installation_.command(std::move(arguments));
    if (later_) command.environment = {{"LD_PRELOAD", library_}, {"CLOCK_AHEAD", std::to_string(30 * 86400)}};
    return command;
  }
  CommandOutput run(std::vector<std::string> arguments) {
    return MUST(run_command(command(std::move(arguments)), {}, std::chrono::seconds(120)));
  }
  std::string must_run(std::vector<std::string> arguments) {
    auto output = run(arguments);
    EXPECT_EQ(output.exit_status, 0) << arguments.front() << output.out << output.err;
    return output.out;
  }
  Json must_summarize(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    auto text = must_run(std::move(arguments));
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return MUST(Json::parse(text.substr(text.rfind('\n') + 1)));
  }
  std::string full() { return MUST(must_summarize({"backup", "full"}).text("label")); }

  std::string base() {
    for (const auto& cluster : MUST(list_directory(installation_.repository_path()))) {
      auto inside = list_directory(installation_.repository_path() + "/" + cluster);
      if (inside && !inside->empty()) return installation_.repository_path() + "/" + cluster + "/" + inside->front();
    }
    return "";
  }
  bool is_there(const std::string& path) {
    struct stat status {};
    return stat((base() + "/" + path).c_str(), &status) == 0;
  }
  /// Restores, starts and counts.
  std::string rows_after_restore(const std::string& label) {
    const auto target = installation_.directory() + "/restored-" + label;
    const auto socket = server_.make_directory("s" + label.substr(0, 15));
    installation_.must_run({"restore", "full", label, "--target", target, "--database-only"});
    const auto pg_ctl = server_.bin_directory() + "/pg_ctl";
    server_.run({pg_ctl, "start", "-w", "-D", target, "-l", target + ".log", "-o",
                 "-c unix_socket_directories=" + socket + " -c port=6000 -c listen_addresses="});
    auto rows =
        server_.run({"psql", "-X", "-A", "-t", "-d", "host=" + socket + " port=6000 user=postgres dbname=postgres",
                     "-c", "select count(*) from ledger"});
    server_.run({pg_ctl, "stop", "-w", "-m", "fast", "-D", target});
    return rows;
  }

  size_t listed() { return MUST(must_summarize({"list", "full"}).array_of("backups"))->size(); }

  RealServer server_;
  Installation installation_;
  std::string library_;
  bool later_ = false;
};

const Json& only_cluster(const Json& summary) { return MUST(summary.array_of("clusters"))->front(); }

TEST_F(Expire, ShowsThePlanRefusesMoreThanTheCapAndKeepsTheLastGoodFull) {
  const auto first = full();
  server_.psql("insert into ledger select i from generate_series(1, 500) i");
  const auto second = full();
  server_.psql("insert into ledger select i from generate_series(1, 500) i");
  const auto third = full();
  EXPECT_NE(must_run({"expire"}).find("nothing to expire"), std::string::npos);
  let_time_pass();

  const auto shown = must_run({"expire", "--dry-run"});
  EXPECT_NE(shown.find("would expire 2 of 3 backup(s)"), std::string::npos) << shown;
  EXPECT_NE(shown.find(third + "  the last good full"), std::string::npos) << shown;
  EXPECT_NE(shown.find("it takes --yes"), std::string::npos) << shown;
  EXPECT_EQ(listed(), 3u);

  const auto refused = run({"expire"});
  EXPECT_EQ(refused.exit_status, 4);
  EXPECT_NE(refused.err.find("deletion_cap"), std::string::npos) << refused.err;
  EXPECT_EQ(listed(), 3u);

  const auto done = must_summarize({"expire", "--yes"});
  const auto& report = *only_cluster(done).find("report");
  EXPECT_EQ(MUST(report.unsigned_integer("backups")), 2u);
  EXPECT_EQ(listed(), 1u);
  EXPECT_EQ(run({"restore", "full", first}).exit_status, 5);
  EXPECT_EQ(rows_after_restore(third), "2000\n");
  must_run({"verify", "full", third});

  EXPECT_TRUE(is_there("backups/" + first + "/packs"));
  must_run({"expire"});
  EXPECT_FALSE(is_there("backups/" + first + "/packs"));
  EXPECT_FALSE(is_there("backups/" + second + "/packs"));
  EXPECT_TRUE(is_there("backups/" + third + "/packs"));
  EXPECT_NE(must_run({"expire"}).find("nothing to expire"), std::string::npos);
}

TEST_F(Expire, APinKeepsABackupAndListShowsIt) {
  const auto first = full();
  full();
  let_time_pass();
  must_run({"pin", first, "audit of May"});
  const auto list = must_run({"list"});
  EXPECT_NE(list.find("pinned: audit of May"), std::string::npos) << list;
  EXPECT_NE(must_run({"expire"}).find("expired 0 backup(s)"), std::string::npos);
  EXPECT_EQ(listed(), 2u);
  EXPECT_EQ(rows_after_restore(first), "1000\n");
  must_run({"unpin", first});
  must_run({"expire"});
  EXPECT_EQ(listed(), 1u);
  EXPECT_EQ(run({"pin", first}).exit_status, 5);
  EXPECT_EQ(run({"pin", "nonsense"}).exit_status, 2);
}

TEST_F(Expire, TheLatestOfAPinnedBackupIsWhatRetentionLeftAndAWarning) {
  const auto first = full();
  for (int i = 0; i < 3; ++i) server_.psql("insert into ledger values (0); select pg_switch_wal()");
  must_run({"backup", "transaction_logs"});
  must_run({"pin", first, "audit of May"});
  full();
  server_.psql("insert into ledger values (0); select pg_switch_wal()");
  must_run({"backup", "transaction_logs"});
  let_time_pass();
  const auto done = must_summarize({"expire"});
  EXPECT_GT(MUST(only_cluster(done).find("report")->unsigned_integer("segments")), 0u) << done.dump();

  const std::vector<std::string> latest_of_first{"restore", "full", first, "--latest"};
  const auto target = installation_.directory() + "/latest-of-first";
  auto restore = latest_of_first;
  restore.insert(restore.end(), {"--target", target, "--database-only", "--no-start"});
  const auto restored = installation_.must_run(restore);
  EXPECT_NE(restored.find("the WAL behind this backup has expired: WAL segment"), std::string::npos) << restored;

  // Without what retention has written of it, the same gap is a loss.
  server_.run({"/bin/sh", "-c", "rm -r " + base() + "/tombstones/wal"});
  auto plan = latest_of_first;
  plan.push_back("--plan");
  const auto refused = installation_.run(plan);
  EXPECT_EQ(refused.exit_status, 4) << refused.out;
  EXPECT_NE(refused.err.find("SSB-1510"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("an upload may be under way"), std::string::npos) << refused.err;
}

TEST_F(Expire, RunsAfterABackupAndItsFailureIsAWarning) {
  const auto first = full();
  let_time_pass("true");
  const auto second = must_summarize({"backup", "full"});
  EXPECT_EQ(MUST(second.find("expire")->unsigned_integer("backups")), 1u);
  EXPECT_EQ(listed(), 1u);
  EXPECT_FALSE(is_there("backups/" + first + "/manifest"));
  EXPECT_EQ(rows_after_restore(MUST(second.text("label"))), "1000\n");

  // An object of the day after: the clock must have gone back.
  const auto path = base() + "/identity";
  const time_t ahead = time(nullptr) + 31 * 86400;
  const std::array<timespec, 2> times{timespec{ahead, 0}, timespec{ahead, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  EXPECT_EQ(run({"expire"}).exit_status, 4);
  const auto backup = run({"backup", "transaction_logs"});
  EXPECT_EQ(backup.exit_status, 0);
  EXPECT_NE(backup.out.find("retention was not applied: the clock is behind"), std::string::npos) << backup.out;
}

TEST_F(Expire, AKilledOneIsCompletedByTheNext) {
  full();
  for (int i = 0; i < 3; ++i) {
    server_.psql("select pg_switch_wal()");
    must_run({"backup", "transaction_logs"});
  }
  const auto last = full();
  let_time_pass();
  bool was_killed = false;
  for (int milliseconds = 5; milliseconds < 400; milliseconds += 5 + milliseconds / 4) {
    auto killed = command({"expire", "--yes"});
    killed.output_file = installation_.directory() + "/killed.log";
    auto child = MUST(ChildProcess::start(killed));
    if (!child.wait({}, std::chrono::milliseconds(milliseconds))) {
      child.kill(SIGKILL);
      MUST(child.wait({}, std::chrono::seconds(60)));
      was_killed = true;
    }
    must_run({"list"});
  }
  EXPECT_TRUE(was_killed);
  must_run({"expire", "--yes"});
  EXPECT_NE(must_run({"expire"}).find("nothing to expire"), std::string::npos);
  EXPECT_EQ(listed(), 1u);
  must_run({"verify", "full", last});
  EXPECT_EQ(rows_after_restore(last), "1000\n");
}

}  // namespace
}  // namespace spendsync::testing
