// Sessions, walks, pages and manifests on a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/postgres_plain_backup.h"
#include "postgres/page.h"
#include "postgres/recovery_settings.h"
#include "postgres/replication_slot.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RealServer;

Connection connect(const RealServer& server) {
  Connection::Settings settings;
  settings.connection_string = server.connection_string();
  return MUST(Connection::open(std::move(settings)));
}

TEST(BackupSessionOnServer, ReturnsPositionsAndTheLabelByteForByte) {
  RealServer server;
  server.start();
  auto before = MUST(Lsn::parse(server.psql("SELECT pg_current_wal_lsn()")));
  auto session = MUST(BackupSession::start(connect(server), {"20240315T000000Z-full", true}, {}));
  EXPECT_GE(session.start_lsn(), before);
  EXPECT_EQ(session.timeline().value, 1u);
  server.psql("CREATE TABLE t AS SELECT generate_series(1, 1000)");
  auto stopped = MUST(session.stop({}));
  EXPECT_GT(stopped.stop.lsn, session.start_lsn());
  EXPECT_EQ(stopped.stop.timeline.value, 1u);
  EXPECT_GE(stopped.stopped, session.started());
  EXPECT_EQ(stopped.tablespace_map, "");
  EXPECT_FALSE(exists(server.data_directory() + "/backup_label")) << "never in the live data directory";
  auto label = MUST(parse_backup_label(stopped.backup_label));
  EXPECT_EQ(label.start_lsn, session.start_lsn());
  EXPECT_EQ(label.timeline.value, 1u);
  EXPECT_EQ(label.label, "20240315T000000Z-full");
  EXPECT_FALSE(label.from_standby);
}

TEST(BackupSessionOnServer, MapsTablespacesOfAnyName) {
  RealServer server;
  server.start();
  auto place = server.make_directory("space caf\xC3\xA9\\x");
  server.psql("CREATE TABLESPACE odd LOCATION '" + place + "'");
  server.psql("CREATE TABLE t (a int) TABLESPACE odd");
  auto session = MUST(BackupSession::start(connect(server), {"x", true}, {}));
  auto data = MUST(DataDirectory::open(server.data_directory()));
  auto spaces = MUST(data.tablespaces());
  auto stopped = MUST(session.stop({}));
  ASSERT_EQ(spaces.size(), 1u);
  EXPECT_EQ(spaces[0].location, place);
  EXPECT_EQ(std::to_string(spaces[0].oid), server.psql("SELECT oid FROM pg_tablespace WHERE spcname = 'odd'"));
  EXPECT_THAT(stopped.tablespace_map, HasSubstr("caf\xC3\xA9"));
}

TEST(BackupSessionOnServer, EndsTheBackupWhenItGoes) {
  RealServer server;
  server.start();
  { auto session = MUST(BackupSession::start(connect(server), {"dropped", true}, {})); }
  for (int i = 0; i < 100 && server.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                                         " 'spendsync-backup'") != "0";
       ++i) {
  }
  auto session = MUST(BackupSession::start(connect(server), {"next", true}, {}));
  EXPECT_OK(session.stop({}));
}

TEST(BackupSessionOnServer, IsTransientWhenTheSessionBreaks) {
  RealServer server;
  server.start();
  auto session = MUST(BackupSession::start(connect(server), {"broken", true}, {}));
  server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spendsync-backup'");
  EXPECT_KIND(session.stop({}), ErrorKind::transient);
}

TEST(BackupSessionOnServer, NamesTheMissingGrant) {
  RealServer server;
  server.start();
  server.psql("CREATE ROLE clerk LOGIN");
  Connection::Settings settings;
  settings.connection_string = "host=" + server.directory() + " user=clerk";
  auto denied = BackupSession::start(MUST(Connection::open(settings)), {"x", true}, {});
  EXPECT_KIND(denied, ErrorKind::denied);
  EXPECT_THAT(denied.error().hint(), HasSubstr("grant execute on pg_"));
}

TEST(BackupSessionOnServer, RefusesMinimalWal) {
  testing::RealServerSettings settings;
  settings.configuration = {{"wal_level", "minimal"}, {"max_wal_senders", "0"}};
  RealServer server(settings);
  server.start();
  EXPECT_KIND(BackupSession::start(connect(server), {"x", true}, {}), ErrorKind::refused);
}

TEST(BackupSessionOnServer, FailsWhenAStandbyIsPromotedMeanwhile) {
  if (testing::ran_as_server_user()) return;
  RealServer primary;
  primary.start();
  auto standby_directory = primary.directory() + "/standby";
  auto sockets = primary.make_directory("s");
  {
    auto connection = connect(primary);
    MUST(create_slot(connection, "standby"));
  }
  take_plain_backup(primary, standby_directory);
  MUST(rewrite_auto_conf(standby_directory,
                         {{"primary_conninfo", primary.connection_string()}, {"primary_slot_name", "standby"}}));
  MUST(replace_file(standby_directory + "/standby.signal", {}, 0600));
  ServerProcess::Settings settings;
  settings.bin_directory = primary.bin_directory();
  settings.data_directory = standby_directory;
  settings.socket_directory = sockets;
  settings.log_file = primary.directory() + "/standby.log";
  auto standby = MUST(ServerProcess::start(settings));
  MUST(standby.wait_until_ready(std::chrono::seconds(60), {}));
  auto open = [&] {
    Connection::Settings to_standby;
    to_standby.connection_string = standby.connection_string();
    return MUST(Connection::open(to_standby));
  };

  auto good = MUST(BackupSession::start(open(), {"on a standby", true}, {}));
  primary.psql("CREATE TABLE t AS SELECT generate_series(1, 1000)");
  auto stopped = MUST(good.stop({}));
  EXPECT_TRUE(MUST(parse_backup_label(stopped.backup_label)).from_standby);
  EXPECT_EQ(stopped.stop.timeline.value, 1u);

  auto bad = MUST(BackupSession::start(open(), {"promoted", true}, {}));
  auto other = open();
  EXPECT_EQ(MUST(other.query_value("SELECT pg_promote()")), "t");
  EXPECT_KIND(bad.stop({}), ErrorKind::conflict);
  MUST(standby.stop(ServerProcess::StopMode::fast, std::chrono::seconds(60)));
}

// ---- what was copied ----

TEST(PlainBackupOfServer, IsAcceptedByPgVerifybackup) {
  if (testing::ran_as_server_user()) return;
  RealServer server;
  server.start();
  server.pgbench({"-i", "-s", "1", "-q"});
  server.psql("CREATE UNLOGGED TABLE u AS SELECT generate_series(1, 100) a");
  MUST(replace_file(server.data_directory() + "/caf\xC3\xA9 \"q\"\n", as_bytes("odd name"), 0644));
  MUST(replace_file(server.data_directory() + "/latin1-\xE9", as_bytes("not UTF-8"), 0644));
  auto backup = take_plain_backup(server, server.make_directory("backup"), [&] { server.pgbench({"-t", "50"}); });
  EXPECT_THAT(backup.skipped, IsEmpty());
  auto info = MUST(read_control_file(server.data_directory()));
  BackupManifestWriter::Settings settings;
  settings.major_version = 15;
  settings.system_identifier = info.control.system_identifier;
  auto path = backup.directory + "/backup_manifest";
  auto writer = MUST(BackupManifestWriter::create(path, settings));
  for (const auto& file : backup.files) MUST(writer.add(file));
  MUST(writer.finish({{backup.stopped.stop.timeline, backup.stopped.start.lsn, backup.stopped.stop.lsn}}));
  for (const auto& name : MUST(list_directory(server.data_directory() + "/pg_wal"))) {
    if (name.size() != 24) continue;
    MUST(replace_file(backup.directory + "/pg_wal/" + name,
                      MUST(read_file(server.data_directory() + "/pg_wal/" + name)), 0600));
  }
  auto text = MUST(read_text_file(path, 64u << 20));
  EXPECT_THAT(text, HasSubstr("\"Encoded-Path\": \"6c6174696e312de9\""));
  if (!server.clients_match()) GTEST_SKIP() << "only PostgreSQL 15 has its pg_verifybackup here";
  EXPECT_THAT(server.run({"pg_verifybackup", backup.directory}), HasSubstr("backup successfully verified"));

  // And it judges: one byte of one file.
  auto victim = backup.directory + "/PG_VERSION";
  MUST(replace_file(victim, as_bytes("14\n"), 0644));
  auto output = MUST(run_command(server.command({"pg_verifybackup", backup.directory}), {}, std::chrono::seconds(60)));
  EXPECT_NE(output.exit_status, 0);
  EXPECT_THAT(output.err, HasSubstr("PG_VERSION"));
}

/// Every page of every relation file of a stopped server.
void check_every_page(const RealServer& server, uint64_t at_least) {
  auto data = MUST(DataDirectory::open(server.data_directory()));
  auto control = MUST(read_control_file(server.data_directory())).control;
  uint64_t pages = 0;
  uint64_t bad_if_moved = 0;
  DataDirectory::Visitor visitor;
  visitor.on_entry = [&](const DirectoryEntry& entry) -> Result<void> {
    if (entry.role == FileRole::other) return {};
    auto content = MUST(read_file(data.path() + "/" + entry.path, 1u << 30));
    EXPECT_EQ(content.size() % control.page_size, 0u) << entry.path;
    for (size_t at = 0; at + control.page_size <= content.size(); at += control.page_size) {
      auto page = ByteView(content).subspan(at, control.page_size);
      auto block = static_cast<uint32_t>(at / control.page_size) + entry.segment * control.relation_segment_blocks;
      EXPECT_TRUE(page_is_good(page, {block}, {UINT64_MAX})) << entry.path << " block " << block;
      if (!page_is_good(page, {block + 1}, {UINT64_MAX})) ++bad_if_moved;
      ++pages;
    }
    return {};
  };
  MUST(data.walk(visitor));
  EXPECT_GT(pages, at_least);
  EXPECT_GT(bad_if_moved, pages / 2) << "the test must be able to fail";
}

TEST(PagesOfServer, AllHaveTheChecksumWeCompute) {
  RealServer server;
  server.start();
  server.pgbench({"-i", "-s", "3", "-q"});
  server.pgbench({"-t", "500"});
  server.psql("VACUUM");
  server.stop();
  check_every_page(server, 5000);
}

// ---- slots ----

TEST(ReplicationSlotOnServer, LivesAndIsDropped) {
  RealServer server;
  server.start();
  auto connection = connect(server);
  EXPECT_FALSE(MUST(find_slot(connection, "spendsync_backup_main")).has_value());
  auto created = MUST(create_slot(connection, "spendsync_backup_main"));
  EXPECT_FALSE(created.is_lost());
  EXPECT_FALSE(created.active);
  EXPECT_EQ(created.wal_status, "reserved");
  EXPECT_EQ(created.safe_wal_size, std::nullopt);
  server.psql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000)); SELECT pg_switch_wal()");
  auto later = MUST(find_slot(connection, "spendsync_backup_main"));
  ASSERT_TRUE(later.has_value());
  EXPECT_EQ(later->restart_lsn, created.restart_lsn);
  EXPECT_GE(later->retained_bytes, 100000u);
  EXPECT_KIND(create_slot(connection, "spendsync_backup_main"), ErrorKind::already_exists);
  EXPECT_OK(drop_slot(connection, "spendsync_backup_main"));
  EXPECT_KIND(drop_slot(connection, "spendsync_backup_main"), ErrorKind::not_found);
}

TEST(ReplicationSlotOnServer, ReportsALostSlot) {
  testing::RealServerSettings settings;
  settings.configuration = {{"max_slot_wal_keep_size", "1MB"}, {"max_wal_size", "32MB"}, {"min_wal_size", "32MB"}};
  RealServer server(settings);
  server.start();
  auto connection = connect(server);
  auto slot = MUST(create_slot(connection, "s"));
  EXPECT_TRUE(slot.safe_wal_size.has_value());
  for (int i = 0; i < 6 && !MUST(find_slot(connection, "s"))->is_lost(); ++i) {
    server.psql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000)); SELECT pg_switch_wal(); CHECKPOINT");
  }
  auto lost = MUST(find_slot(connection, "s"));
  ASSERT_TRUE(lost.has_value());
  EXPECT_TRUE(lost->is_lost());
  EXPECT_EQ(lost->wal_status, "lost");
  EXPECT_OK(drop_slot(connection, "s"));
}

TEST(ReplicationSlotOnServer, SaysWhenThereIsNoRoom) {
  testing::RealServerSettings settings;
  settings.configuration = {{"max_replication_slots", "1"}};
  RealServer server(settings);
  server.start();
  auto connection = connect(server);
  MUST(create_slot(connection, "one"));
  auto full = create_slot(connection, "two");
  EXPECT_KIND(full, ErrorKind::exhausted);
  EXPECT_THAT(full.error().hint(), HasSubstr("max_replication_slots"));
}

TEST(ReplicationSlotOnServer, RefusesALogicalSlotOfThatName) {
  testing::RealServerSettings settings;
  settings.configuration = {{"wal_level", "logical"}};
  RealServer server(settings);
  server.start();
  auto connection = connect(server);
  server.psql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
  EXPECT_KIND(find_slot(connection, "s"), ErrorKind::refused);
}

}  // namespace
}  // namespace spendsync::postgres
