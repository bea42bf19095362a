// SIGKILL at moments spread over each command; then the same command again must converge, with no step by hand, and
// everything that is listed must verify. Short runs take every fourth of the moments, SSB_TESTS=long all of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "postgres/control_file.h"

namespace spendsync::testing {
namespace {

constexpr int kMoments = 20;
constexpr std::chrono::seconds kTimeout{120};

int step_between_moments() {
  const char* kind = std::getenv("SSB_TESTS");
  return kind != nullptr && std::string_view(kind) == "long" ? 1 : 4;
}

std::string utc_day() { return TimeZone::utc().day_of(SystemClock().now()); }

class Kill : public ::testing::Test {
 protected:
  Kill() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    server_.pgbench({"-i", "-s", "3", "-q"});
  }

  /// How long the command takes when nobody disturbs it.
  std::chrono::milliseconds duration_of(const std::vector<std::string>& arguments) {
    const auto begin = clock_.monotonic();
    installation_.must_run(arguments);
    return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - begin);
  }

  /// Starts the command and kills it after `delay`; true when it had not ended by itself.
  bool kill_after(const std::vector<std::string>& arguments, std::chrono::milliseconds delay) {
    auto command = installation_.command(arguments);
    command.output_file = installation_.directory() + "/killed.log";
    auto child = MUST(ChildProcess::start(command));
    if (child.wait({}, delay)) return false;
    child.kill(SIGKILL);
    MUST(child.wait({}, kTimeout));
    return true;
  }

  template <class Prepare, class Check>
  void kill_everywhere(const std::vector<std::string>& arguments, Prepare prepare, Check check) {
    prepare();
    const auto whole = duration_of(arguments);
    check();
    int killed = 0;
    int moments = 0;
    for (int moment = 0; moment < kMoments; moment += step_between_moments(), ++moments) {
      SCOPED_TRACE(fmt::format("killed at {}/{} of {} ms", moment, kMoments, whole.count()));
      prepare();
      killed += kill_after(arguments, whole * moment / kMoments) ? 1 : 0;
      const auto again = installation_.run(arguments);
      // A restore that was complete when the kill came is refused the second time; `check` proves it complete.
      const bool complete = arguments.front() == "restore" && again.exit_status == 4;
      ASSERT_TRUE(again.exit_status == 0 || complete) << again.out << again.err;
      check();
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_GE(killed, moments / 2) << "most of the kills must hit a running command";
  }

  void expect_all_verified(const std::string& type) {
    const auto verified = installation_.run({"verify", type, utc_day()});
    EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  }

  SystemClock clock_;
  RealServer server_;
  Installation installation_;
};

TEST_F(Kill, FullBackupConverges) {
  kill_everywhere(
      {"backup", "full"}, [] {},
      [&] {
        expect_all_verified("full");
        EXPECT_EQ(server_.psql("select count(*) from pg_stat_activity where application_name = 'spendsync-backup'"),
                  "0");
      });
}

TEST_F(Kill, IncrementalConverges) {
  installation_.must_run({"backup", "full"});
  kill_everywhere(
      {"backup", "incremental"},
      [&] {
        server_.pgbench({"-t", "200", "-c", "2"});
      },
      [&] { expect_all_verified("incremental"); });
}

TEST_F(Kill, TransactionLogsConverge) {
  installation_.must_run({"backup", "full"});
  kill_everywhere(
      {"backup", "transaction_logs"},
      [&] {
        server_.pgbench({"-t", "200", "-c", "2"});
      },
      [&] { expect_all_verified("transaction_logs"); });
}

TEST_F(Kill, RestoreConverges) {
  installation_.must_run({"backup", "full"});
  server_.pgbench({"-t", "100"});
  const auto expected = server_.psql("select sum(abalance), count(*) from pgbench_accounts");
  installation_.must_run({"backup", "transaction_logs"});
  const auto target = installation_.directory() + "/target";
  const std::vector<std::string> restore{"restore", "--latest", "--target", target};
  int rounds = 0;
  kill_everywhere(
      restore, [&] { MUST(remove_tree(target)); },
      [&] {
        ++rounds;
        const auto control = MUST(postgres::read_control_file(target)).control;
        EXPECT_EQ(postgres::describe_state(control.state), "shut down");
        if (server_.clients_match()) {
          EXPECT_NE(server_.run({"pg_checksums", "--check", "-D", target}).find("Bad checksums:  0"),
                    std::string::npos);
        }
      });
  EXPECT_GT(rounds, 1);
  EXPECT_EQ(server_.psql("select sum(abalance), count(*) from pgbench_accounts"), expected) << "production untouched";
}

TEST_F(Kill, VerifyAndListChangeNothing) {
  installation_.must_run({"backup", "full"});
  // But for the verdict that verify puts when it has come to its end.
  const auto digest = [&] {
    return server_.run({"/bin/sh", "-c",
                        "cd " + installation_.repository_path() +
                            " && find . -type f -not -path '*/verdicts/*' -exec sha256sum {} + | sort"});
  };
  const auto before = digest();
  kill_everywhere(
      {"verify", "full", utc_day()}, [] {}, [&] { EXPECT_EQ(digest(), before); });
  kill_everywhere(
      {"list"}, [] {}, [&] { EXPECT_EQ(digest(), before); });
}

TEST_F(Kill, TerminationSignalsStopWithinSecondsAndListNothingHalfDone) {
  server_.pgbench({"-i", "-s", "20", "-q"});
  for (const auto& [signal, code] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    auto command = installation_.command({"backup", "full", "--workers", "1"});
    command.output_file = installation_.directory() + "/stopped.log";
    auto child = MUST(ChildProcess::start(command));
    ASSERT_FALSE(child.wait({}, std::chrono::milliseconds(400)).has_value()) << "the backup must still run";
    const auto begin = clock_.monotonic();
    // runuser passes SIGTERM on and ignores SIGINT: the program itself is meant.
    server_.run(
        {"/usr/bin/pkill", signal == SIGINT ? "-INT" : "-TERM", "-u", "postgres", "-f", "backup full --workers 1"});
    const auto status = MUST(child.wait({}, kTimeout));
    EXPECT_EQ(status, code) << MUST(read_text_file(command.output_file));
    EXPECT_LT(clock_.monotonic() - begin, std::chrono::seconds(10));
    const auto listed = installation_.must_run({"list"});
    EXPECT_NE(listed.find("no backups yet"), std::string::npos) << listed;
  }
}

}  // namespace
}  // namespace spendsync::testing
