// The main job: backups while clients write, the data directory destroyed, recovery to many moments.
// What proves it: the clients' own record of acknowledged commits, and PostgreSQL's own checking programs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/ledger.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

std::string utc_text(Timestamp time) { return format_utc(time); }
std::string utc_day(Timestamp time) { return TimeZone::utc().day_of(time); }

class MainJob : public ::testing::Test {
 protected:
  MainJob() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {}

  /// Restores to a moment and returns the ids found there.
  std::set<int64_t> ids_at(Timestamp moment, const std::string& name) {
    const std::string target = installation_.directory() + "/" + name;
    installation_.must_run({"restore", "point_in_time", utc_day(moment), utc_text(moment), "--target", target});
    std::set<int64_t> ids;
    {
      RestoredServer restored(server_, target);
      ids = ledger_ids(restored.connection_string());
    }
    MUST(remove_tree(target));
    return ids;
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(MainJob, RecoversToTwentyRandomMomentsAfterTheDataDirectoryIsGone) {
  server_.pgbench({"-i", "-s", "2", "-q"});
  LedgerClients clients(server_.connection_string(), 3);
  clients.wait_for_commits(200);
  installation_.must_run({"backup", "full"});
  const auto restorable_from = SystemClock().now();
  clients.wait_for_commits(1500);
  installation_.must_run({"backup", "transaction_logs"});
  clients.wait_for_commits(1500);
  installation_.must_run({"backup", "transaction_logs"});
  clients.wait_for_commits(1500);
  const auto commits = clients.stop();
  installation_.must_run({"backup", "transaction_logs"});

  server_.stop("immediate");
  MUST(remove_tree(server_.data_directory()));

  const auto seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> microseconds(0, (commits.back().acknowledged - restorable_from).count() - 1);
  for (int n = 0; n < 20; ++n) {
    const auto moment = restorable_from + std::chrono::microseconds(microseconds(random));
    const auto name = fmt::format("moment{}", n);
    expect_exactly_until(commits, moment, ids_at(moment, name), name);
  }
}

TEST_F(MainJob, RecoveredClusterPassesPostgresOwnChecks) {
  server_.pgbench({"-i", "-s", "3", "-q"});
  server_.psql("create extension amcheck");
  installation_.must_run({"backup", "full"});
  server_.pgbench({"-c", "2", "-t", "300"});
  const auto digest = "select md5(string_agg(t::text, '|' order by aid)) from pgbench_accounts t";
  const auto expected = server_.psql(digest) + "\n";
  installation_.must_run({"backup", "transaction_logs"});

  // As it came from the repository, before recovery: PostgreSQL's manifest agrees.
  const std::string fresh = installation_.directory() + "/fresh";
  installation_.must_run({"restore", "full", utc_day(SystemClock().now()), "--target", fresh, "--no-start"});
  const bool judges = server_.clients_match();
  if (judges) {
    EXPECT_NE(server_.run({"pg_verifybackup", fresh}).find("successfully verified"), std::string::npos);
  }

  const std::string target = installation_.directory() + "/latest";
  installation_.must_run({"restore", "--latest", "--target", target});
  if (judges) {
    EXPECT_NE(server_.run({"pg_checksums", "--check", "-D", target}).find("Bad checksums:  0"), std::string::npos);
  }
  RestoredServer restored(server_, target);
  EXPECT_EQ(restored.psql(digest), expected);
  EXPECT_EQ(
      restored.psql("select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)"),
      "t\n");
  // By SQL, since pg_amcheck knows no server before 14.
  EXPECT_EQ(restored.psql("select count(bt_index_parent_check(c.oid, true)) > 50 from pg_index i"
                          " join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam"
                          " where a.amname = 'btree' and c.relpersistence = 'p' and i.indisvalid"),
            "t\n");
  if (judges) {
    server_.run({"pg_amcheck", "--heapallindexed", "--parent-check", "-h", restored.socket(), "-p", "6000", "-U",
                 "postgres", "postgres"});
  }
  EXPECT_EQ(restored.psql("select pg_is_in_recovery()"), "f\n");
  restored.psql("create table written_after_recovery as select 1");
}

TEST_F(MainJob, ProductionGoesOnBesideARestoreAndIsThenLostAndRecovered) {
  LedgerClients clients(server_.connection_string(), 2);
  clients.wait_for_commits(300);
  installation_.must_run({"backup", "full"});
  clients.wait_for_commits(500);
  installation_.must_run({"backup", "transaction_logs"});
  const auto moment = SystemClock().now();
  clients.wait_for_commits(500);
  installation_.must_run({"backup", "transaction_logs"});

  // Beside the running server: a look at an earlier state, which then takes writes of its own.
  const std::string aside = installation_.directory() + "/aside";
  installation_.must_run({"restore", "point_in_time", utc_day(moment), utc_text(moment), "--target", aside});
  {
    RestoredServer restored(server_, aside);
    restored.psql("insert into ledger values (-1, 'written aside')");
  }
  clients.wait_for_commits(500);
  const auto commits = clients.stop();
  installation_.must_run({"backup", "transaction_logs"});
  server_.stop("immediate");
  MUST(remove_tree(server_.data_directory()));

  const std::string target = installation_.directory() + "/everything";
  installation_.must_run({"restore", "--latest", "--target", target});
  RestoredServer restored(server_, target);
  const auto found = ledger_ids(restored.connection_string());
  expect_exactly_until(commits, commits.back().acknowledged, found, "everything");
  EXPECT_FALSE(found.contains(-1)) << "what was written aside must not reach production's history";
}

TEST_F(MainJob, TheSpecificationsCallsWorkWordForWord) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  EXPECT_EQ(installation_.script("backup.sh", {"full"}).exit_status, 0);
  server_.psql("insert into t select generate_series(1001, 2000)");
  EXPECT_EQ(installation_.script("backup.sh", {"transaction_logs"}).exit_status, 0);
  const auto moment = SystemClock().now();
  server_.psql("drop table t");
  EXPECT_EQ(installation_.script("backup.sh", {"transaction_logs"}).exit_status, 0);
  const auto day = utc_day(moment);

  const auto all = installation_.script("restore.sh", {"list"});
  EXPECT_EQ(all.exit_status, 0) << all.err;
  EXPECT_NE(all.out.find("-full"), std::string::npos) << all.out;
  EXPECT_NE(all.out.find("-transaction_logs"), std::string::npos) << all.out;
  const auto fulls = installation_.script("restore.sh", {"list", "full", "7"});
  EXPECT_NE(fulls.out.find("-full"), std::string::npos) << fulls.out;
  EXPECT_EQ(fulls.out.find("-transaction_logs"), std::string::npos) << fulls.out;

  EXPECT_EQ(installation_.script("restore.sh", {"verify", "full", day}).exit_status, 0);
  EXPECT_EQ(installation_.script("restore.sh", {"verify", "transaction_logs", day}).exit_status, 0);

  auto text = utc_text(moment);
  const std::string plain =
      text.substr(0, 10) + " " + text.substr(11, text.find('Z') - 11);  // the configured zone: UTC
  const std::string target = installation_.directory() + "/pitr";
  const auto restored =
      installation_.script("restore.sh", {"restore", "point_in_time", day, plain, "--target", target});
  ASSERT_EQ(restored.exit_status, 0) << restored.out << restored.err;
  RestoredServer recovered(server_, target);
  EXPECT_EQ(recovered.psql("select count(*), sum(n) from t"), "2000|2001000\n");
}

TEST_F(MainJob, WhatIsNotThereYetIsRefusedInOneLine) {
  EXPECT_EQ(installation_.script("dr-test.sh", {"database"}).exit_status, 2);
}

}  // namespace
}  // namespace spendsync::testing
