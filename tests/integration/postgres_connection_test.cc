// The session with a real server: what it forces, how it fails, how it stops.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/testing.h"
#include "base/worker_group.h"
#include "integration/real_server.h"
#include "postgres/connection.h"

namespace spendsync::postgres {
namespace {

using testing::RealServer;

class ConnectionToServer : public ::testing::Test {
 protected:
  void SetUp() override { server_.start(); }
  Connection connect() {
    Connection::Settings settings;
    settings.connection_string = server_.connection_string();
    return MUST(Connection::open(std::move(settings)));
  }
  Result<Connection> connect_to(const std::string& connection_string) {
    Connection::Settings settings;
    settings.connection_string = connection_string;
    return Connection::open(std::move(settings));
  }
  RealServer server_;
};

TEST_F(ConnectionToServer, ForcesItsSessionSettings) {
  server_.psql(
      "ALTER ROLE postgres SET statement_timeout = '50ms'; ALTER ROLE postgres SET TimeZone = 'Asia/Tokyo';"
      "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '50ms'");
  auto connection = connect();
  EXPECT_EQ(MUST(connection.query_value("SHOW statement_timeout")), "0");
  EXPECT_EQ(MUST(connection.query_value("SHOW idle_in_transaction_session_timeout")), "0");
  EXPECT_EQ(MUST(connection.query_value("SHOW TimeZone")), "UTC");
  EXPECT_EQ(MUST(connection.query_value("SHOW application_name")), "spendsync-backup");
  EXPECT_OK(connection.query("SELECT pg_sleep(0.1)", {}));
}

TEST_F(ConnectionToServer, ReturnsRowsNullsAndBytes) {
  auto connection = connect();
  auto rows = MUST(connection.query("SELECT $1, NULL::text, g FROM generate_series(1, 2) g", {"caf\xC3\xA9 'x'"}));
  ASSERT_EQ(rows.rows.size(), 2u);
  EXPECT_EQ(rows.rows[0][0], "caf\xC3\xA9 'x'");
  EXPECT_EQ(rows.rows[0][1], std::nullopt);
  EXPECT_EQ(rows.rows[1][2], "2");
}

TEST_F(ConnectionToServer, ReportsSqlstateAndKindAndStaysUsable) {
  auto connection = connect();
  auto failed = connection.query("SELECT * FROM missing_table", {});
  EXPECT_KIND(failed, ErrorKind::not_found);
  EXPECT_TRUE(has_sqlstate(failed.error(), "42P01")) << failed.error().message();
  EXPECT_NE(failed.error().message().find("missing_table"), std::string::npos);
  EXPECT_EQ(MUST(connection.query_value("SELECT 1")), "1");
}

TEST_F(ConnectionToServer, GivesUpAStatementWhenAskedToAndStaysUsable) {
  auto connection = connect();
  std::stop_source source;
  auto begin = std::chrono::steady_clock::now();
  std::jthread stopper([&] {
    while (server_.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                        " AND wait_event = 'PgSleep'") != "1") {
    }
    source.request_stop();
  });
  EXPECT_KIND(connection.query("SELECT pg_sleep(60)", {}, source.get_token()), ErrorKind::cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(MUST(connection.query_value("SELECT 1")), "1");
}

TEST_F(ConnectionToServer, IsTransientWhenTheSessionIsKilled) {
  auto connection = connect();
  auto pid = MUST(connection.query_value("SELECT pg_backend_pid()"));
  server_.psql("SELECT pg_terminate_backend(" + pid + ")");
  EXPECT_KIND(connection.query("SELECT 1", {}), ErrorKind::transient);
}

TEST_F(ConnectionToServer, TellsFailedLoginsFromUnreachableServers) {
  EXPECT_KIND(connect_to("host=" + server_.directory() + " user=nobody_there"), ErrorKind::denied);
  EXPECT_KIND(connect_to("host=" + server_.directory() + " user=postgres dbname=nothing"), ErrorKind::not_found);
  EXPECT_KIND(connect_to("host=/nonexistent user=postgres"), ErrorKind::transient);
  EXPECT_KIND(connect_to("host==="), ErrorKind::transient);
  EXPECT_KIND(connect_to("no_such_keyword=1"), ErrorKind::invalid);
  server_.stop();
  auto gone = connect_to(server_.connection_string());
  EXPECT_KIND(gone, ErrorKind::transient);
  EXPECT_FALSE(gone.error().hint().empty());
}

TEST_F(ConnectionToServer, TellsAWrongPasswordInAnyLanguage) {
  server_.psql("CREATE ROLE clerk LOGIN PASSWORD 'right'");
  auto hba = server_.data_directory() + "/pg_hba.conf";
  MUST(replace_file(hba, as_bytes("local all clerk scram-sha-256\nlocal all all trust\n"), 0644));
  server_.psql("SELECT pg_reload_conf()");
  auto wrong = connect_to("host=" + server_.directory() + " user=clerk password=topsecret");
  EXPECT_KIND(wrong, ErrorKind::denied);
  EXPECT_NE(wrong.error().message().find("28P01"), std::string::npos) << wrong.error().message();
  EXPECT_EQ(wrong.error().message().find("topsecret"), std::string::npos);
  EXPECT_KIND(connect_to("host=" + server_.directory() + " user=clerk passfile=/nonexistent"), ErrorKind::denied);
  EXPECT_OK(connect_to("host=" + server_.directory() + " user=clerk password=right"));
}

TEST_F(ConnectionToServer, SpeaksTheReplicationProtocol) {
  Connection::Settings settings;
  settings.connection_string = server_.connection_string();
  settings.replication = true;
  auto connection = MUST(Connection::open(std::move(settings)));
  auto rows = MUST(connection.query("IDENTIFY_SYSTEM", {}));
  ASSERT_EQ(rows.rows.size(), 1u);
  EXPECT_EQ(rows.rows[0][0], server_.psql("SELECT system_identifier FROM pg_control_system()"));
}

TEST_F(ConnectionToServer, ReadsWhatABackupNeedsToKnow) {
  server_.psql("ALTER SYSTEM SET max_connections = 37");
  server_.stop();
  server_.start();
  auto connection = connect();
  auto info = MUST(read_server_info(connection));
  EXPECT_EQ(std::to_string(info.version), server_.psql("SHOW server_version_num"));
  EXPECT_EQ(info.system_identifier.to_string(), server_.psql("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(info.data_directory, server_.data_directory());
  EXPECT_EQ(info.config_file, server_.data_directory() + "/postgresql.conf");
  EXPECT_EQ(info.page_size, 8192u);
  EXPECT_EQ(info.wal_segment_size, 16u << 20);
  EXPECT_EQ(info.relation_segment_size, 1u << 30);
  EXPECT_TRUE(info.data_checksums);
  EXPECT_FALSE(info.in_recovery);
  EXPECT_EQ(info.timeline.value, 1u);
  EXPECT_EQ(info.wal_level, "replica");
  EXPECT_EQ(info.archive_mode, "off");
  EXPECT_LE(info.current_lsn, MUST(Lsn::parse(server_.psql("SELECT pg_current_wal_lsn()"))));
  auto now = std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(now - info.now), std::chrono::minutes(1));
  auto& settings = info.recovery_settings;
  EXPECT_NE(std::find(settings.begin(), settings.end(), std::pair<std::string, std::string>("max_connections", "37")),
            settings.end());
}

TEST_F(ConnectionToServer, NamesTheGrantsThatAreMissing) {
  server_.psql("CREATE ROLE clerk LOGIN");
  auto connection = MUST(connect_to("host=" + server_.directory() + " user=clerk"));
  auto denied = read_server_info(connection);
  EXPECT_KIND(denied, ErrorKind::denied);
  EXPECT_NE(denied.error().hint().find("pg_read_all_settings"), std::string::npos);
  server_.psql("GRANT pg_read_all_settings TO clerk");
  EXPECT_OK(read_server_info(connection));
}

}  // namespace
}  // namespace spendsync::postgres
