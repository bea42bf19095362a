// Incremental backups of a real server: they give back exactly the bytes that the server has, and nothing that the full
// holds is stored again.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/random_work.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;

bool is_long() {
  const char* kind = std::getenv("SSB_TESTS");
  return kind != nullptr && std::string_view(kind) == "long";
}

class ProgramIncremental : public ::testing::Test {
 protected:
  // Nothing but the tests' own statements and the backups' checkpoints may change files.
  ProgramIncremental()
      : server_(RealServerSettings{.bin_directory = {},
                                   .configuration = {{"autovacuum", "off"},
                                                     {"checkpoint_timeout", "1h"},
                                                     {"max_wal_size", "4GB"},
                                                     {"bgwriter_lru_maxpages", "0"},
                                                     {"shared_buffers", "128MB"}}}),
        installation_((server_.start(), server_)) {}

  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  static uint64_t number(const Json& report, const char* name) { return MUST(report.unsigned_integer(name)); }

  /// One line a file that recovery would not change: digest and path.
  std::string files_of(const std::string& data) const {
    return server_.run(
        {"/bin/sh", "-c",
         "cd " + data +
             " && find -L base global pg_tblspc pg_xact pg_multixact -type f ! -name pg_internal.init ! -name "
             "pg_control ! -path '*pgsql_tmp*' -exec sha256sum {} + | sort -k 2"});
  }

  /// The newest backup as it came from the repository is the server's directory, byte for byte.
  void expect_the_servers_bytes(const std::string& label, const std::string& name) {
    auto restored = target(name);
    installation_.must_run({"restore", "incremental", label, "--no-start", "--target", restored});
    auto expected = files_of(server_.data_directory());
    auto found = files_of(restored);
    EXPECT_TRUE(found == expected) << difference(expected, found);
    if (server_.clients_match()) {
      EXPECT_THAT(server_.run({"pg_verifybackup", restored}), HasSubstr("successfully verified"));
    }
    server_.run({"/bin/rm", "-rf", restored, restored + "-tablespaces"});
  }
  std::string difference(const std::string& expected, const std::string& found) const {
    return server_.run(
        {"/bin/bash", "-c",
         "diff <(cat <<'END'\n" + expected + "\nEND\n) <(cat <<'END'\n" + found + "\nEND\n) | head -20 || true"});
  }

  static std::string digest_query() {
    return "select string_agg(c.relname || ' ' || md5(query_to_xml('select md5(string_agg(t::text, chr(10) order by "
           "t::text)) from ' || c.oid::regclass || ' t', true, true, '')::text), ' ' order by c.relname)"
           " from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace";
  }

  void expect_sound(const RestoredServer& restored) const {
    server_.run({"pg_amcheck", "--all", "--install-missing", "--heapallindexed", "--parent-check", "-h",
                 restored.socket(), "-p", "6000", "-U", "postgres"});
    EXPECT_EQ(restored.psql("select count(*) from pg_class c, lateral pg_check_visible(c.oid) v where c.relkind = 'r'"),
              "0\n");
    EXPECT_EQ(restored.psql("select count(*) from pg_class c, lateral pg_check_frozen(c.oid) v where c.relkind = 'r'"),
              "0\n");
  }

  void expect_consistent_while_clients_write();

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramIncremental, TheFirstOneIsTheFullAndTheNextOneStoresWhatChanged) {
  server_.psql("create table t as select n, repeat('x', 200) as filler from generate_series(1, 100000) n");
  server_.psql("vacuum t");  // else the first to read it sets hint bits on every page
  const auto first = installation_.script("backup.sh", {"incremental"});
  ASSERT_EQ(first.exit_status, 0) << first.err;
  EXPECT_THAT(first.out + first.err, HasSubstr("there is no full backup yet, so this becomes one"));
  EXPECT_THAT(first.out, HasSubstr("-full"));

  server_.psql("update t set filler = 'y' where n % 20000 = 0");
  const auto second = installation_.must_summarize({"backup", "incremental"});
  EXPECT_EQ(MUST(second.text("type")), "incremental");
  EXPECT_THAT(MUST(second.text("parent")), HasSubstr("-full"));
  EXPECT_LT(number(second, "stored_bytes"), 1u << 20);
  EXPECT_GT(number(second, "kept_bytes"), 30u << 20) << "all but the WAL of the backup and some pages";
  expect_the_servers_bytes(MUST(second.text("label")), "copy");

  const auto listed = installation_.must_run({"list"});
  EXPECT_THAT(listed, HasSubstr("-incremental"));
  const auto day = TimeZone::utc().day_of(SystemClock().now());
  EXPECT_EQ(installation_.script("restore.sh", {"verify", "incremental", day}).exit_status, 0);
}

TEST_F(ProgramIncremental, NothingChangedIsNothingReadAndNothingStored) {
  server_.psql("create table t as select n, md5(n::text) as filler from generate_series(1, 200000) n; checkpoint");
  server_.run({"/bin/sleep", "1.1"});  // what changed later than that is read again
  installation_.must_run({"backup", "full"});
  const auto again = installation_.must_summarize({"backup", "incremental"});
  EXPECT_LT(number(again, "stored_bytes"), 200u << 10);
  const auto empty = server_.run({"/bin/sh", "-c", "find " + server_.data_directory() + " -type f -size 0 | wc -l"});
  // WAL, pg_control, and what every checkpoint writes.
  EXPECT_LT(number(again, "files"), number(again, "unread_files") + std::stoul(empty) + 20);
}

TEST_F(ProgramIncremental, GivesBackTheServersBytesWhateverItDid) {
  const auto seed = SystemRandom().next_u64();
  std::string history = fmt::format("seed {}:", seed);
  SeededRandom random(seed);
  RandomWork work(server_, random);
  server_.psql("create extension pg_visibility");
  for (int n = 0; n < 3; ++n) history += " " + work.step() + ",";
  installation_.must_run({"backup", "full"});
  const int rounds = is_long() ? 20 : 3;
  std::string label;
  for (int round = 0; round < rounds; ++round) {
    for (int n = 0; n < 5; ++n) history += " " + work.step() + ",";
    if (round == 1) work.switch_timeline();
    SCOPED_TRACE(history);
    const auto made = installation_.must_summarize({"backup", "incremental"});
    label = MUST(made.text("label"));
    expect_the_servers_bytes(label, fmt::format("copy{}", round));
    history += " INCREMENTAL,";
    if (HasFailure()) return;
  }
  // Recovered to its own end, it is a sound cluster with the same rows.
  const auto expected = server_.psql(digest_query()) + "\n";
  installation_.must_run({"restore", "incremental", label, "--target", target("recovered")});
  if (server_.clients_match()) {
    EXPECT_THAT(server_.run({"pg_checksums", "--check", "-D", target("recovered")}), HasSubstr("Bad checksums:  0"));
  }
  RestoredServer restored(server_, target("recovered"));
  EXPECT_EQ(restored.psql(digest_query()), expected) << history;
  expect_sound(restored);
}

// The same work, looked for in both ways: change maps find whatever comparing finds. The cluster has data checksums, so
// even hint bits are logged.
TEST_F(ProgramIncremental, ChangeMapsGiveBackTheServersBytesWhateverItDid) {
  const auto seed = SystemRandom().next_u64();
  std::string history = fmt::format("seed {}:", seed);
  SeededRandom random(seed);
  RandomWork work(server_, random);
  installation_.configure("incremental: { find_changes: wal }\n");
  server_.psql("create table untouched as select n, repeat('x', 200) as filler from generate_series(1, 50000) n");
  server_.psql("vacuum freeze");
  for (int n = 0; n < 3; ++n) history += " " + work.step() + ",";
  const auto full = installation_.must_summarize({"backup", "full"});
  const int rounds = is_long() ? 20 : 3;
  for (int round = 0; round < rounds; ++round) {
    for (int n = 0; n < 5; ++n) {
      history += " " + work.step() + ",";
      // Some WAL is the repository's by then, with its maps; the rest is still the server's.
      if (n == 2) installation_.must_run({"backup", "transaction_logs"});
    }
    SCOPED_TRACE(history);
    const auto made = installation_.must_summarize({"backup", "incremental"});
    // The work may have led onto another timeline: maps do not reach over that.
    const bool by_wal = number(made, "timeline") == number(full, "timeline");
    EXPECT_EQ(MUST(made.boolean("found_by_wal")), by_wal) << made.dump();
    if (by_wal) {
      EXPECT_GT(number(made, "unread_bytes"), 10u << 20);
    }
    expect_the_servers_bytes(MUST(made.text("label")), fmt::format("by-wal-{}", round));
    const auto day = TimeZone::utc().day_of(SystemClock().now());
    EXPECT_EQ(installation_.script("restore.sh", {"verify", "incremental", day}).exit_status, 0);
    history += " INCREMENTAL,";
    if (HasFailure()) return;
  }
  work.switch_timeline();
  const auto after = installation_.must_summarize({"backup", "incremental"});
  EXPECT_FALSE(MUST(after.boolean("found_by_wal"))) << "maps do not reach over a timeline switch";
  EXPECT_THAT(after.dump(), HasSubstr("every page is compared, as WAL does not tell what changed"));
  expect_the_servers_bytes(MUST(after.text("label")), "by-scan");
}

TEST_F(ProgramIncremental, PushedSegmentsTellWhatChangedWhenTheServerHasThemNoMore) {
  installation_.configure("incremental: { find_changes: wal }\n");
  server_.psql("alter system set archive_command = '" + installation_.program() + " --config " +
               installation_.config_file() + " wal push %p'");
  server_.psql("alter system set archive_mode = on");
  server_.psql("alter system set max_wal_size = '64MB'");
  server_.psql("alter system set wal_keep_size = 0");
  server_.stop();
  server_.start();
  server_.pgbench({"-i", "-s", "3", "-q"});
  installation_.must_run({"backup", "full"});
  for (int n = 0; n < 4; ++n) {
    server_.pgbench({"-n", "-t", "200"});
    server_.psql("select pg_switch_wal()");
  }
  const auto first = installation_.must_summarize({"backup", "incremental"});
  EXPECT_TRUE(MUST(first.boolean("found_by_wal"))) << first.dump();
  server_.pgbench({"-n", "-t", "200"});
  server_.psql("select pg_switch_wal(); checkpoint");
  server_.psql("insert into pgbench_history select * from pgbench_history; select pg_switch_wal(); checkpoint");
  const auto second = installation_.must_summarize({"backup", "incremental"});
  EXPECT_TRUE(MUST(second.boolean("found_by_wal"))) << second.dump();
  EXPECT_GT(number(second, "unread_bytes"), 10u << 20);
  expect_the_servers_bytes(MUST(second.text("label")), "pushed");
}

TEST_F(ProgramIncremental, WhileClientsWriteItIsConsistent) { expect_consistent_while_clients_write(); }

TEST_F(ProgramIncremental, WhileClientsWriteItIsConsistentByChangeMaps) {
  installation_.configure("incremental: { find_changes: wal }\n");
  expect_consistent_while_clients_write();
}

void ProgramIncremental::expect_consistent_while_clients_write() {
  server_.pgbench({"-i", "-s", "5", "-q"});
  server_.psql("create extension pg_visibility");
  installation_.must_run({"backup", "full"});
  server_.pgbench({"-n", "-c", "2", "-t", "500"});
  {
    std::jthread clients([&] { server_.pgbench({"-n", "-c", "2", "-T", "6"}); });
    const auto made = installation_.must_summarize({"backup", "incremental"});
    const bool by_wal =
        MUST(read_text_file(installation_.config_file(), 1u << 20)).find("find_changes: wal") != std::string::npos;
    EXPECT_EQ(MUST(made.boolean("found_by_wal")), by_wal) << made.dump();
  }
  installation_.must_run({"backup", "transaction_logs"});
  const auto sums = std::string(
      "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from "
      "pgbench_history) and (select sum(tbalance) from pgbench_tellers) = (select "
      "sum(bbalance) from pgbench_branches)");
  const auto rows = server_.psql("select count(*), sum(delta) from pgbench_history");
  const auto day = TimeZone::utc().day_of(SystemClock().now());
  installation_.must_run({"restore", "incremental", day, "--target", target("own-end")});
  {
    RestoredServer restored(server_, target("own-end"));
    EXPECT_EQ(restored.psql(sums), "t\n");
    expect_sound(restored);
  }
  const auto plan = installation_.must_run({"restore", "--latest", "--target", target("latest")});
  EXPECT_THAT(plan, HasSubstr("-incremental")) << "the newest backup is the nearest base";
  RestoredServer restored(server_, target("latest"));
  EXPECT_EQ(restored.psql("select count(*), sum(delta) from pgbench_history"), rows + "\n");
}

TEST_F(ProgramIncremental, RefusesADamagedFullAndNamesTheObject) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  installation_.must_run({"backup", "full"});
  const auto packs = server_.run({"/bin/sh", "-c", "ls " + installation_.repository_path() + "/*/*/backups/*/packs/*"});
  const auto pack = packs.substr(0, packs.find('\n'));
  server_.run({"/bin/mv", pack, installation_.directory() + "/pack"});
  const auto refused = installation_.run({"backup", "incremental"});
  EXPECT_EQ(refused.exit_status, 8) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr(pack.substr(pack.rfind('/') + 1)));
  EXPECT_THAT(refused.err, HasSubstr("backup full"));
  server_.run({"/bin/mv", installation_.directory() + "/pack", pack});
  installation_.must_run({"backup", "incremental"});
  const auto day = TimeZone::utc().day_of(SystemClock().now());
  EXPECT_EQ(installation_.run({"verify", "incremental", day}).exit_status, 0);
  server_.run({"/bin/sh", "-c",
               "chmod u+w " + pack + " && printf x | dd of=" + pack + " bs=1 seek=500 conv=notrunc status=none"});
  const auto damaged = installation_.run({"verify", "incremental", day});
  EXPECT_EQ(damaged.exit_status, 8) << damaged.out << damaged.err;
}

TEST_F(ProgramIncremental, WithoutItsFullItIsUnusableAndPassedOver) {
  server_.psql("create table t as select generate_series(1, 1000) as n");
  const auto older = MUST(installation_.must_summarize({"backup", "full"}).text("label"));
  const auto full = MUST(installation_.must_summarize({"backup", "full"}).text("label"));
  installation_.must_run({"backup", "incremental"});
  server_.run({"/bin/sh", "-c", "rm -rf " + installation_.repository_path() + "/*/*/backups/" + full});
  const auto listed = installation_.run({"list"});
  EXPECT_EQ(listed.exit_status, 8);
  EXPECT_THAT(listed.out, HasSubstr("its full " + full + " is missing"));
  const auto plan = installation_.run({"restore", "--latest", "--plan"});
  EXPECT_EQ(plan.exit_status, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr(older));
  EXPECT_THAT(plan.out + plan.err, HasSubstr("is missing"));
}

TEST_F(ProgramIncremental, WorksAcrossTablespacesAndCapturedFiles) {
  const auto place = server_.make_directory("fast");
  const auto app = server_.make_directory("app");
  server_.run({"/bin/sh", "-c", "echo one > " + app + "/one && head -c 600000 /dev/urandom > " + app + "/two"});
  installation_.configure(fmt::format("files:\n  - {{ name: application, paths: [{}] }}\n", app));
  server_.psql("create tablespace fast location '" + place + "'");
  server_.psql("create table t tablespace fast as select generate_series(1, 50000) as n");
  installation_.must_run({"backup", "full"});
  server_.run({"/bin/sh", "-c", "echo two >> " + app + "/one && echo new > " + app + "/three"});
  server_.psql("update t set n = -n where n = 7");
  const auto made = installation_.must_summarize({"backup", "incremental"});
  EXPECT_LT(number(made, "stored_bytes"), 400u << 10) << "the captured file that did not change is kept";
  expect_the_servers_bytes(MUST(made.text("label")), "copy");
  installation_.must_run({"restore", "incremental", MUST(made.text("label")), "--files-only", "--target", target("f")});
  server_.run({"/usr/bin/diff", "-r", app, target("f") + ".files/application" + app});
}

}  // namespace
}  // namespace spendsync::testing
