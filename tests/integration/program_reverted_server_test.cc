// A server that was put back to an earlier state on the same timeline, as by a snapshot of its volume: what was
// archived meanwhile has the names of what it writes now, and belongs to another history.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class RevertedServer : public ::testing::Test {
 protected:
  RevertedServer() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {
    server_.psql("create table ledger (id int primary key, who text) with (fillfactor = 50)");
    server_.psql("insert into ledger select i, 'before' from generate_series(1, 5000) i");
    server_.psql("create table filler (i int)");
    installation_.must_run({"backup", "full"});
  }

  std::string snapshot() const { return server_.directory() + "/snapshot"; }
  void take_snapshot() {
    server_.stop();
    server_.run({"/bin/cp", "-a", server_.data_directory(), snapshot()});
    server_.start();
  }
  void revert() {
    if (server_.runs()) server_.stop();
    server_.run({"/bin/rm", "-rf", server_.data_directory()});
    server_.run({"/bin/cp", "-a", snapshot(), server_.data_directory()});
    server_.start();
  }
  void write_segments(int count) {
    for (int i = 0; i < count; ++i) {
      server_.psql("insert into filler select generate_series(1, 1000)");
      server_.psql("select pg_switch_wal()");
    }
  }
  /// Archived, then left by the revert.
  void live_on_and_revert(int segments) {
    take_snapshot();
    server_.psql("update ledger set who = 'abandoned' where id % 2 = 0");
    write_segments(segments);
    installation_.must_run({"backup", "transaction_logs"});
    revert();
    server_.psql("update ledger set who = 'real' where id % 3 = 0");
  }
  std::string slot_position() const { return server_.psql("select restart_lsn from pg_replication_slots"); }
  size_t listed() const {
    const auto list = installation_.must_summarize({"list"});
    return MUST(list.array_of("backups"))->size();
  }
  void expect_refused(const std::vector<std::string>& command) const {
    const auto output = installation_.run(command);
    EXPECT_EQ(output.exit_status, 6) << command.back() << output.out << output.err;
    EXPECT_TRUE(contains(output.err, "SSB-1406")) << output.err;
    EXPECT_TRUE(contains(output.err, "spendsync-backup timeline fork")) << output.err;
  }
  void expect_every_backup_refused() const {
    const auto slot = slot_position();
    const auto records = listed();
    expect_refused({"backup", "transaction_logs"});
    expect_refused({"backup", "incremental"});
    expect_refused({"backup", "full"});
    EXPECT_EQ(slot_position(), slot);
    EXPECT_EQ(listed(), records);
    const auto status = installation_.run({"status"});
    EXPECT_EQ(status.exit_status, 10) << status.out;
    EXPECT_TRUE(status.out.starts_with("NOT SAFE")) << status.out;
    EXPECT_TRUE(contains(status.out, "-> spendsync-backup timeline fork")) << status.out;
    const auto check = installation_.run({"check"});
    EXPECT_EQ(check.exit_status, 10) << check.out;
    EXPECT_TRUE(contains(check.out, "server.history")) << check.out;
  }
  std::string ledger() const { return server_.psql("select string_agg(id || who, ',' order by id) from ledger"); }
  std::string timeline() const { return server_.psql("select timeline_id from pg_control_checkpoint()"); }
  /// The rows of the ledger after `restore` with these words.
  std::string restored_ledger(std::vector<std::string> words, const std::string& name) {
    const auto target = installation_.directory() + "/" + name;
    const auto socket = server_.make_directory("socket-" + name);
    words.insert(words.end(), {"--target", target, "--database-only"});
    words.insert(words.begin(), "restore");
    installation_.must_run(words);
    const auto pg_ctl = server_.bin_directory() + "/pg_ctl";
    server_.run({pg_ctl, "start", "-w", "-D", target, "-l", target + ".log", "-o",
                 "-c unix_socket_directories=" + socket + " -c port=6000 -c listen_addresses="});
    auto rows =
        server_.run({"psql", "-X", "-A", "-t", "-d", "host=" + socket + " port=6000 user=postgres dbname=postgres",
                     "-c", "select string_agg(id || who, ',' order by id) from ledger"});
    server_.run({pg_ctl, "stop", "-w", "-m", "fast", "-D", target});
    while (!rows.empty() && rows.back() == '\n') rows.pop_back();
    return rows;
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(RevertedServer, BehindTheArchivedEndEveryBackupIsRefused) {
  live_on_and_revert(4);
  expect_every_backup_refused();
}

TEST_F(RevertedServer, BeyondTheArchivedEndEveryBackupIsRefused) {
  live_on_and_revert(2);
  write_segments(6);
  expect_every_backup_refused();
}

TEST_F(RevertedServer, WithChangeMapsEveryBackupIsRefused) {
  installation_.configure("incremental: { find_changes: wal }\n");
  live_on_and_revert(3);
  write_segments(6);
  expect_every_backup_refused();
}

TEST_F(RevertedServer, ATimelineOfItsOwnIsTheWayOn) {
  live_on_and_revert(4);
  const auto asked = installation_.run({"timeline", "fork"});
  EXPECT_EQ(asked.exit_status, 4) << asked.out << asked.err;
  EXPECT_TRUE(contains(asked.out, "downtime")) << asked.out;
  EXPECT_EQ(timeline(), "1");

  const auto forked = installation_.must_run({"timeline", "fork", "--yes"});
  EXPECT_TRUE(contains(forked, "the server runs on timeline 2, after ")) << forked;
  EXPECT_EQ(timeline(), "2");
  EXPECT_EQ(server_.psql("show restore_command"), "");
  EXPECT_FALSE(exists(server_.data_directory() + "/recovery.signal"));
  const auto rows = ledger();
  EXPECT_TRUE(contains(rows, "3real"));

  const auto logs = installation_.run({"backup", "transaction_logs"});
  EXPECT_EQ(logs.exit_status, 0) << logs.err;
  installation_.must_run({"backup", "full"});
  server_.psql("update ledger set who = 'later' where id = 1");
  installation_.must_run({"backup", "transaction_logs"});
  EXPECT_EQ(restored_ledger({"--latest"}, "latest"), ledger());
  const auto status = installation_.run({"status"});
  EXPECT_EQ(status.exit_status, 0) << status.out;
  installation_.must_run(
      {"verify", "transaction_logs", now_text().substr(0, 4) + now_text().substr(5, 2) + now_text().substr(8, 2)});
}

TEST_F(RevertedServer, WhereTheServerHasRemovedItsOwnWalTheStoredWalStillTells) {
  server_.psql("alter system set wal_keep_size = '1GB'");
  server_.psql("select pg_reload_conf()");
  live_on_and_revert(2);
  for (int i = 0; i < 2; ++i) {
    server_.psql("insert into filler select generate_series(1, 1234)");
    server_.psql("select pg_switch_wal()");
  }
  write_segments(4);
  // As after the slot was lost: of what is stored, nothing is left on the server. What follows is.
  server_.run({"/bin/sh", "-c",
               "cd " + server_.data_directory() + "/pg_wal && rm 000000010000000000000003 000000010000000000000004"});
  expect_every_backup_refused();
  installation_.must_run({"timeline", "fork", "--yes"});
  installation_.must_run({"backup", "full"});
  EXPECT_EQ(restored_ledger({"--latest"}, "latest"), ledger());
}

TEST_F(RevertedServer, ForksAlsoBeyondTheArchivedEndAndSaysThatWhatLiesBetweenIsAGap) {
  live_on_and_revert(2);
  write_segments(6);
  installation_.must_run({"timeline", "fork", "--yes"});
  server_.psql("update ledger set who = 'forked' where id = 7");
  const auto logs = installation_.run({"backup", "transaction_logs"});
  EXPECT_TRUE(contains(logs.out + logs.err, "run backup full now")) << logs.out << logs.err;
  const auto status = installation_.run({"status"});
  EXPECT_EQ(status.exit_status, 10) << status.out;
  // What was archived of the history that was left still leads to its own end.
  const auto latest = installation_.run({"restore", "--latest", "--plan"});
  EXPECT_EQ(latest.exit_status, 4) << "what lies behind the gap is not reached\n" << latest.out << latest.err;
  EXPECT_TRUE(contains(restored_ledger({"--latest", "--up-to-what-is-there"}, "left"), "2abandoned"));
  installation_.must_run({"backup", "full"});
  EXPECT_EQ(restored_ledger({"--latest"}, "latest"), ledger());
  EXPECT_EQ(installation_.run({"status"}).exit_status, 0);
}

TEST_F(RevertedServer, AfterAForkTheArchiverGoesOnWithTheNewTimeline) {
  server_.psql("alter system set archive_mode = on");
  server_.psql("alter system set archive_command = '" + installation_.program() + " --config " +
               installation_.config_file() + " wal push %p'");
  server_.stop();
  server_.start();
  live_on_and_revert(3);
  write_segments(5);
  installation_.must_run({"timeline", "fork", "--yes"});
  server_.psql("update ledger set who = 'forked' where id = 7");
  const auto segment = server_.psql("select pg_walfile_name(pg_current_wal_lsn())");
  server_.psql("select pg_switch_wal()");
  std::string archived;
  for (int i = 0; i < 300 && archived != segment; ++i) {
    server_.psql("select pg_sleep(0.1)");
    archived = server_.psql("select last_archived_wal from pg_stat_archiver");
  }
  EXPECT_EQ(archived, segment) << server_.log();
  installation_.must_run({"backup", "full"});
  EXPECT_EQ(restored_ledger({"--latest"}, "latest"), ledger());
}

TEST_F(RevertedServer, TakesATimelineThatNobodyHasUsed) {
  live_on_and_revert(3);
  installation_.must_run({"timeline", "fork", "--yes"});
  EXPECT_EQ(timeline(), "2");
  installation_.must_run({"backup", "full"});
  revert();  // back to timeline 1 once more
  EXPECT_EQ(timeline(), "1");
  expect_refused({"backup", "full"});
  installation_.must_run({"timeline", "fork", "--yes"});
  EXPECT_EQ(timeline(), "3");
  installation_.must_run({"backup", "full"});
  EXPECT_EQ(restored_ledger({"--latest"}, "latest"), ledger());
}

TEST_F(RevertedServer, AServerThatWasNotRevertedIsNotForked) {
  server_.psql("insert into ledger values (0, 'new')");
  installation_.must_run({"backup", "transaction_logs"});
  const auto refused = installation_.run({"timeline", "fork", "--yes"});
  EXPECT_EQ(refused.exit_status, 4) << refused.err;
  EXPECT_TRUE(contains(refused.err, "is this server's own")) << refused.err;
  EXPECT_EQ(timeline(), "1");
}

TEST_F(RevertedServer, ARefusedPushSaysWhenTheDiskWillBeFull) {
  server_.psql("alter system set archive_mode = on");
  server_.psql("alter system set archive_command = '" + installation_.program() + " --config " +
               installation_.config_file() + " wal push %p'");
  server_.stop();
  server_.start();
  live_on_and_revert(3);
  const auto before = server_.log().size();
  write_segments(3);
  std::string log;
  for (int i = 0; i < 300 && !contains(log, "full in about"); ++i) {
    server_.psql("select pg_sleep(0.1)");
    log = server_.log().substr(before);
  }
  EXPECT_TRUE(contains(log, "SSB-1406")) << log;
  EXPECT_TRUE(contains(log, "segments wait in pg_wal")) << log;
  EXPECT_TRUE(contains(log, "full in about")) << log;
}

}  // namespace
}  // namespace spendsync::testing
