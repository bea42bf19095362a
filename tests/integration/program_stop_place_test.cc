// A restore ends where its plan says: no transaction that comes later has done anything, and where somebody asks for a
// place inside one, what that leaves behind is named.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgramStopPlace : public ::testing::Test {
 protected:
  static RealServerSettings settings() {
    RealServerSettings settings;
    settings.configuration = {{"max_prepared_transactions", "4"}};
    return settings;
  }
  ProgramStopPlace() : installation_((server_.start(), server_)) {}
  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  void alone(const std::string& sql) const {  // what may not be in a transaction
    server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c", sql});
  }
  std::string now() const {
    return server_.psql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')");
  }
  std::string today() const { return TimeZone::utc().day_of(SystemClock().now()); }
  /// Of the restored directory, in a database of it.
  std::string ask(const RestoredServer& copy, const std::string& database, const std::string& sql) const {
    return server_.run({"psql", "-X", "-A", "-t", "-q", "-d",
                        fmt::format("host={} port=6000 user=postgres dbname={}", copy.socket(), database), "-c", sql});
  }

  RealServer server_{settings()};
  Installation installation_;
};

/// An idle server with a database that is dropped, so that the drop's own commit is the first one after the moment.
class DroppedDatabase : public ProgramStopPlace {
 protected:
  DroppedDatabase() {
    alone("create database shop");
    server_.psql("create table orders as select generate_series(1, 5000) as n", "shop");
    installation_.must_run({"backup", "full"});
    server_.psql("insert into orders values (0)", "shop");
    moment_ = now();
    position_ = server_.psql("select pg_current_wal_insert_lsn()");
    alone("drop database shop");
    server_.psql("create table later as select 1");
    installation_.must_run({"backup", "transaction_logs"});
  }
  void expect_shop(const std::string& directory) const {
    RestoredServer copy(server_, directory);
    EXPECT_EQ(ask(copy, "shop", "select count(*) from orders"), "5001\n");
  }
  std::string moment_;
  std::string position_;
};

TEST_F(DroppedDatabase, IsWholeAtAMomentBeforeTheDrop) {
  installation_.must_run({"restore", "point_in_time", today(), moment_, "--target", target("copy")});
  expect_shop(target("copy"));
  installation_.must_run({"export", "point_in_time", today(), moment_, "--format", "sql", "--database", "shop",
                          "--output", target("shop.sql")});
}

TEST_F(DroppedDatabase, IsWholeInPlaceAtAMomentBeforeTheDrop) {
  installation_.must_run({"restore", "point_in_time", today(), moment_, "--in-place", "--yes", "--database-only"});
  EXPECT_EQ(server_.psql("select count(*) from orders", "shop"), "5001");
}

TEST_F(DroppedDatabase, AMomentThatIsNotRecoveredYetIsWholeAfterTheFirstStart) {
  installation_.must_run({"restore", "point_in_time", today(), moment_, "--no-start", "--target", target("copy")});
  RestoredServer copy(server_, target("copy"));
  SystemClock clock;
  for (int i = 0; i < 600 && copy.psql("select pg_is_in_recovery()") != "f\n"; ++i) {
    MUST(clock.sleep_for(std::chrono::milliseconds(100), {}));
  }
  EXPECT_EQ(ask(copy, "shop", "select count(*) from orders"), "5001\n");
}

TEST_F(DroppedDatabase, APositionInsideTheDropIsRefusedUntilASideIsSaid) {
  const auto refused = installation_.run({"restore", "--target-lsn", position_, "--target", target("copy")});
  EXPECT_EQ(refused.exit_status, 4);
  EXPECT_THAT(refused.err, AllOf(HasSubstr(position_), HasSubstr("of kind "), HasSubstr("--exclusive")));
  installation_.must_run({"restore", "--target-lsn", position_, "--exclusive", "--target", target("before")});
  expect_shop(target("before"));
}

TEST_F(DroppedDatabase, IsNamedWhereAPositionInsideTheDropIsMeant) {
  // The last position before the drop's commit that is not that commit's own: its Database record.
  const auto lines = server_.run({"/bin/sh", "-c",
                                  fmt::format("{}/pg_waldump -p {}/pg_wal -s {} 2>/dev/null || true",
                                              server_.bin_directory(), server_.data_directory(), position_)});
  const auto at = lines.find("desc: DROP dir");
  ASSERT_NE(at, std::string::npos) << lines;
  const auto begin = lines.rfind("lsn: ", at) + 5;
  const auto drop = lines.substr(begin, lines.find(',', begin) - begin);
  const auto named = installation_.run({"restore", "--target-lsn", drop, "--inclusive", "--target", target("inside")});
  EXPECT_EQ(named.exit_status, 3) << named.err;
  EXPECT_THAT(named.out, HasSubstr("database shop cannot be opened"));
  const auto exported = installation_.run({"export", "--target-lsn", drop, "--inclusive", "--format", "sql",
                                           "--database", "postgres", "--output", target("postgres.sql")});
  EXPECT_EQ(exported.exit_status, 3) << exported.err;
  EXPECT_THAT(exported.out, HasSubstr("database shop cannot be opened"));
}

TEST_F(ProgramStopPlace, ATablespaceIsWholeAtAMomentBeforeItsDrop) {
  const auto place = server_.make_directory("fast");
  alone("create tablespace fast location '" + place + "'");
  server_.psql("create table t tablespace fast as select generate_series(1, 1000) as n");
  installation_.must_run({"backup", "full"});
  server_.psql("alter table t set tablespace pg_default");
  const auto moment = now();
  alone("drop tablespace fast");
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "point_in_time", today(), moment, "--target", target("copy")});
  RestoredServer copy(server_, target("copy"));
  copy.psql("create table again tablespace fast as select 1");
  EXPECT_EQ(copy.psql("select count(*) from t"), "1000\n");
}

TEST_F(ProgramStopPlace, WhatWasPreparedBeforeTheMomentIsThere) {
  server_.psql("create table t (n int)");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t values (1)");
  alone("begin; insert into t values (2); prepare transaction 'before'");
  const auto moment = now();
  alone("begin; insert into t values (3); prepare transaction 'after'");
  server_.psql("insert into t values (4)");
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "point_in_time", today(), moment, "--target", target("copy")});
  RestoredServer copy(server_, target("copy"));
  EXPECT_EQ(copy.psql("select string_agg(gid, ',') from pg_prepared_xacts"), "before\n");
  copy.psql("commit prepared 'before'");
  EXPECT_EQ(copy.psql("select string_agg(n::text, ',' order by n) from t"), "1,2\n");
}

}  // namespace
}  // namespace spendsync::testing
