// Full backups made on a hot standby, with its primary at work and with its primary gone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

constexpr const char* kDigest = "select md5(string_agg(t::text, '|' order by aid)) from pgbench_accounts t";

std::string today() { return TimeZone::utc().day_of(SystemClock().now()); }

/// A server in a directory of its own beside the primary, stopped when this goes.
class OtherServer {
 public:
  OtherServer(const RealServer& programs, std::string data_directory, int port)
      : programs_(programs), data_directory_(std::move(data_directory)), port_(port) {
    programs_.run({programs_.bin_directory() + "/pg_ctl", "start", "-w", "-t", "60", "-D", data_directory_, "-l",
                   data_directory_ + ".log", "-o",
                   fmt::format("-c unix_socket_directories={} -c port={} -c listen_addresses= -c archive_mode=off",
                               programs_.directory(), port_)});
  }
  ~OtherServer() {
    programs_.run({programs_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", data_directory_});
  }
  std::string connection_string() const {
    return fmt::format("host={} port={} user=postgres dbname=postgres", programs_.directory(), port_);
  }
  std::string psql(const std::string& sql) const {
    auto text =
        programs_.run({"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection_string(), "-c", sql});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  void promote() { programs_.run({programs_.bin_directory() + "/pg_ctl", "promote", "-w", "-D", data_directory_}); }

 private:
  const RealServer& programs_;
  std::string data_directory_;
  int port_;
};

class Standby : public ::testing::Test {
 protected:
  Standby() : primary_(RealServerSettings{}), installation_((primary_.start(), primary_)) {
    primary_.pgbench({"-i", "-s", "2", "-q"});
    directory_ = primary_.directory() + "/standby";
    primary_.run({"pg_basebackup", "-D", directory_, "-R", "-c", "fast", "-X", "stream", "-C", "-S", "for_standby",
                  "-d", primary_.connection_string()});
    standby_.emplace(primary_, directory_, 5440);
    auto config = MUST(read_text_file(installation_.config_file()));
    const auto replace = [&](const std::string& what, const std::string& by) {
      const auto at = config.find(what);
      ASSERT_NE(at, std::string::npos) << what;
      config.replace(at, what.size(), by);
    };
    replace(primary_.connection_string(), standby_->connection_string());
    replace(primary_.data_directory(), directory_);
    installation_.replace_configuration(config);
  }
  void wait_until_caught_up() {
    const auto lsn = primary_.psql("select pg_current_wal_lsn()");
    while (standby_->psql("select pg_last_wal_replay_lsn() >= '" + lsn + "'") != "t") std::this_thread::yield();
  }

  RealServer primary_;
  Installation installation_;
  std::string directory_;
  std::optional<OtherServer> standby_;
};

TEST_F(Standby, IsBackedUpWithItsPrimaryGoneAndTheRestoreHasItsRows) {
  primary_.pgbench({"-t", "500", "-c", "2"});
  wait_until_caught_up();
  primary_.stop("immediate");

  const auto summary = installation_.must_summarize({"backup", "full"});
  EXPECT_TRUE(MUST(summary.boolean("from_standby")));
  const auto verified = installation_.run({"verify", "full", today()});
  EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  EXPECT_NE(installation_.must_run({"list"}).find("made on a standby"), std::string::npos);

  const auto fresh = installation_.directory() + "/fresh";
  installation_.must_run({"restore", "full", today(), "--target", fresh, "--no-start"});
  if (primary_.clients_match()) {
    EXPECT_NE(primary_.run({"pg_verifybackup", fresh}).find("successfully verified"), std::string::npos);
  }
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "full", today(), "--target", target});
  standby_->promote();
  OtherServer restored(primary_, target, 5441);
  EXPECT_EQ(restored.psql(kDigest), standby_->psql(kDigest));
  EXPECT_EQ(restored.psql("select count(*) from pgbench_history"), "1000");
}

TEST_F(Standby, IsBackedUpWhileItsPrimaryWrites) {
  {
    std::jthread writers([&](std::stop_token stop) {
      while (!stop.stop_requested()) primary_.pgbench({"-n", "-c", "2", "-T", "1"});
    });
    while (standby_->psql("select count(*) > 100 from pgbench_history") != "t") std::this_thread::yield();
    installation_.must_run({"backup", "full"});
    primary_.psql("select pg_switch_wal()");
  }
  wait_until_caught_up();
  // What it has received goes into the repository up to its last complete segment.
  primary_.psql("select pg_switch_wal()");
  primary_.psql("create table after_the_switch ()");
  wait_until_caught_up();
  installation_.must_run({"backup", "transaction_logs"});
  const auto target = installation_.directory() + "/target";
  installation_.must_run({"restore", "--latest", "--target", target});
  OtherServer restored(primary_, target, 5441);
  EXPECT_EQ(restored.psql("select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from "
                          "pgbench_history), pg_is_in_recovery()"),
            "t|f");
  EXPECT_EQ(restored.psql(kDigest), primary_.psql(kDigest));
}

TEST_F(Standby, APromotionMeanwhileFailsTheBackupAndListsNothing) {
  auto command = installation_.command({"backup", "full", "--throttle", "1 MiB/s"});
  command.output_file = installation_.directory() + "/promoted.log";
  auto child = MUST(ChildProcess::start(command));
  while (standby_->psql("select count(*) from pg_locks where locktype = 'advisory' and granted") == "0") {
    std::this_thread::yield();
  }
  standby_->promote();
  EXPECT_NE(MUST(child.wait({}, std::chrono::seconds(120))), 0);
  const auto output = MUST(read_text_file(command.output_file));
  EXPECT_NE(output.find("promoted"), std::string::npos) << output;
  EXPECT_NE(installation_.must_run({"list"}).find("no backups yet"), std::string::npos);
}

}  // namespace
}  // namespace spendsync::testing
