// `status` on a real server: the verdict, with and without the server, and the codes for scripts and monitoring.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class StatusCommand : public ::testing::Test {
 protected:
  StatusCommand() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {}

  CommandOutput status() const { return installation_.run({"status"}); }
  CommandOutput nagios() const { return installation_.run({"status", "--nagios"}); }
  /// As the program sees it when that time has gone by.
  CommandOutput status_after(std::chrono::seconds time, const std::vector<std::string>& options = {}) const {
    const auto library = installation_.directory() + "/clock_ahead.so";  // the build may lie where it cannot be read
    MUST(replace_file(library, MUST(read_file(SSB_CLOCK_AHEAD)), 0755));
    std::vector<std::string> words{"/usr/bin/env",
                                   "LD_PRELOAD=" + library,
                                   fmt::format("CLOCK_AHEAD={}", time.count()),
                                   installation_.program(),
                                   "--config",
                                   installation_.config_file(),
                                   "status"};
    words.insert(words.end(), options.begin(), options.end());
    return MUST(run_command(server_.command(std::move(words)), {}, std::chrono::seconds(60)));
  }
  Json summary() const {
    auto text = installation_.run({"--json", "status"}).out;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return MUST(Json::parse(text.substr(text.rfind('\n') + 1)));
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(StatusCommand, WithoutABackupEverythingWouldBeLost) {
  const auto output = status();
  EXPECT_EQ(output.exit_status, 10) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("NOT SAFE if this server died now: everything would be lost")) << output.out;
  EXPECT_TRUE(contains(output.out, "-> spendsync-backup backup full")) << output.out;
  const auto line = nagios();
  EXPECT_EQ(line.exit_status, 2) << line.out;
  EXPECT_TRUE(line.out.starts_with("SPENDSYNC CRITICAL - ")) << line.out;
  EXPECT_FALSE(exists(installation_.repository_path()));
}

TEST_F(StatusCommand, SaysWhatWouldBeLostAndFromWhatItEstimates) {
  installation_.must_run({"backup", "full"});
  server_.psql("create table t as select generate_series(1, 1000) as n");
  auto output = status();
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("SAFE     if this server died now: lose at most ")) << output.out;
  EXPECT_TRUE(contains(output.out, "(estimated)")) << output.out;
  EXPECT_TRUE(contains(output.out, "no restore was measured on this host yet")) << output.out;
  EXPECT_TRUE(contains(output.out, "of WAL not stored yet")) << output.out;
  EXPECT_TRUE(contains(output.out, "scheduled    full ")) << output.out;
  const auto line = nagios();
  EXPECT_EQ(line.exit_status, 0) << line.out;
  EXPECT_TRUE(line.out.starts_with("SPENDSYNC OK - if this server died now: lose at most ")) << line.out;
  EXPECT_TRUE(contains(line.out, " | data_loss=")) << line.out;
  EXPECT_EQ(line.out.find('\n'), line.out.size() - 1) << line.out;

  installation_.must_run({"backup", "transaction_logs"});
  const auto json = summary();
  EXPECT_TRUE(MUST(json.boolean("recoverable")));
  EXPECT_TRUE(MUST(json.boolean("server_reachable")));
  EXPECT_FALSE(MUST(json.boolean("gap")));
  EXPECT_TRUE(contains(MUST(json.text("newest_transaction_logs")), "-transaction_logs"));

  installation_.must_run({"restore", "--latest", "--target", installation_.directory() + "/restored"});
  output = status();
  EXPECT_TRUE(contains(output.out, "(measured)")) << output.out;
  EXPECT_TRUE(contains(output.out, "because      the restore of 2")) << output.out;
}

TEST_F(StatusCommand, AnObjectiveIsMissedByAge) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "its library must be the first to be loaded";
#endif
  installation_.must_run({"backup", "full"});
  server_.psql("create table t as select generate_series(1, 1000) as n");
  auto output = status_after(std::chrono::hours(3));
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("SAFE     if this server died now: lose at most 3 h")) << output.out;

  output = status_after(std::chrono::hours(5));
  EXPECT_EQ(output.exit_status, 10) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("NOT SAFE if this server died now: lose at most 5 h")) << output.out;
  EXPECT_TRUE(contains(output.out, "  MISSED       RPO: up to 5 h")) << output.out;
  EXPECT_TRUE(contains(output.out, "objectives.rpo is 4 h")) << output.out;
  EXPECT_TRUE(contains(output.out, "-> spendsync-backup backup transaction_logs")) << output.out;
  output = status_after(std::chrono::hours(5), {"--nagios"});
  EXPECT_EQ(output.exit_status, 2) << output.out;
  EXPECT_TRUE(output.out.starts_with("SPENDSYNC CRITICAL - if this server died now: lose at most 5 h")) << output.out;

  server_.stop();  // what is known to be missed stays so when nobody answers
  output = status_after(std::chrono::hours(5));
  EXPECT_EQ(output.exit_status, 10) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("NOT SAFE ")) << output.out;
}

TEST_F(StatusCommand, ALostSlotIsNotSafe) {
  installation_.must_run({"backup", "full"});
  server_.psql("create table t as select 1 as n");
  server_.psql("alter system set max_slot_wal_keep_size = '1MB'");
  server_.psql("select pg_reload_conf()");
  for (int i = 0; i < 4; ++i) {
    server_.psql("insert into t values (2)");
    server_.psql("select pg_switch_wal()");
  }
  server_.psql("checkpoint");
  ASSERT_EQ(server_.psql("select wal_status from pg_replication_slots"), "lost");
  const auto output = status();
  EXPECT_EQ(output.exit_status, 10) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("NOT SAFE if this server died now: lose at most ")) << output.out;
  EXPECT_TRUE(contains(output.out, "is lost: the server has removed WAL that was not stored")) << output.out;
  EXPECT_TRUE(contains(output.out, "-> spendsync-backup backup full")) << output.out;
  EXPECT_EQ(MUST(summary().text("verdict")), "not safe");
  const auto line = nagios();
  EXPECT_EQ(line.exit_status, 2) << line.out;
  EXPECT_TRUE(contains(line.out, "is lost")) << line.out;
}

TEST_F(StatusCommand, AServerThatCannotBeAskedIsNotCalledSafe) {
  installation_.must_run({"backup", "full"});
  server_.psql("create table t as select generate_series(1, 1000) as n");
  server_.stop();
  const auto output = status();
  EXPECT_EQ(output.exit_status, 7) << output.out << output.err;
  EXPECT_TRUE(output.out.starts_with("UNKNOWN  the server cannot be asked; if it is lost: lose at most "))
      << output.out;
  EXPECT_TRUE(contains(output.out, "  not known    whether its slot still keeps what is not stored: ")) << output.out;
  EXPECT_TRUE(contains(output.out, "-> if it is dead: spendsync-backup restore --latest --in-place")) << output.out;
  EXPECT_TRUE(contains(output.out, "  restorable   until ")) << output.out;
  const auto line = nagios();
  EXPECT_EQ(line.exit_status, 3) << line.out;
  EXPECT_TRUE(line.out.starts_with("SPENDSYNC UNKNOWN - the server cannot be asked; if it is lost: ")) << line.out;
  EXPECT_TRUE(contains(line.out, " | data_loss=")) << line.out;
  const auto json = summary();
  EXPECT_EQ(MUST(json.text("verdict")), "unknown");
  EXPECT_FALSE(MUST(json.boolean("safe")));
  EXPECT_FALSE(MUST(json.boolean("server_reachable")));
}

TEST_F(StatusCommand, WhatCannotBeOpenedIsUnknownToMonitoring) {
  installation_.must_run({"backup", "full"});
  auto fd = MUST(open_file(installation_.key_file(), O_WRONLY | O_TRUNC));
  MUST(write_all(fd, Bytes(32, std::byte{7}), "key"));
  EXPECT_NE(status().exit_status, 0);
  const auto line = nagios();
  EXPECT_EQ(line.exit_status, 3) << line.out;
  EXPECT_TRUE(line.out.starts_with("SPENDSYNC UNKNOWN - ")) << line.out;
}

}  // namespace
}  // namespace spendsync::testing
