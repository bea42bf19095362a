// Restores by the program: every kind of target on one history, what lies outside the data directory, and the
// contract of `wal get` with a server that really recovers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "postgres/control_file.h"

namespace spendsync::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

constexpr std::chrono::seconds kTimeout{120};

/// The program itself where runuser stands between.
pid_t program_of(pid_t started) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", started));
  pid_t child = 0;
  return geteuid() == 0 && children >> child ? child : started;
}

/// A restored directory opened on a socket of its own, until the end of the scope.
class Opened {
 public:
  Opened(const RealServer& programs, std::string data, std::string more_options = "")
      : programs_(programs), data_(std::move(data)), socket_(programs.make_directory("opened")) {
    programs_.run(
        {programs_.bin_directory() + "/pg_ctl", "start", "-w", "-t", "60", "-D", data_, "-l", data_ + ".log", "-o",
         fmt::format("-c unix_socket_directories={} -c port=6001 -c listen_addresses= {}", socket_, more_options)});
  }
  ~Opened() { programs_.run({programs_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", data_}); }
  std::string psql(const std::string& sql) const {
    auto text = programs_.run({"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                               "host=" + socket_ + " port=6001 user=postgres dbname=postgres", "-c", sql});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  const RealServer& programs_;
  std::string data_;
  std::string socket_;
};

class ProgramRestore : public ::testing::Test {
 protected:
  ProgramRestore() : installation_((server_.start(), server_)) {}

  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string today() const { return TimeZone::utc().day_of(SystemClock().now()); }
  /// Restores, opens, and returns the ids in table t: "1,2,3".
  std::string ids_after(std::vector<std::string> arguments, const std::string& name) {
    arguments.insert(arguments.begin(), "restore");
    arguments.insert(arguments.end(), {"--target", target(name)});
    report_ = installation_.must_summarize(arguments);
    EXPECT_FALSE(exists(target(name) + ".wal"));
    EXPECT_FALSE(exists(target(name) + "/recovery.signal"));
    EXPECT_FALSE(exists(target(name) + "/spendsync-restore.unfinished"));
    std::string ids;
    {
      Opened opened(server_, target(name));
      ids = opened.psql("select string_agg(n::text, ',' order by n) from t");
      EXPECT_EQ(opened.psql("select pg_is_in_recovery(), current_setting('restore_command') = ''"), "f|t");
      opened.psql("create table written_after_recovery as select 1");
    }
    MUST(remove_tree(target(name)));
    return ids;
  }
  std::string last_commit() const {
    const auto* recovery = report_.find("recovery");
    const auto* commit = recovery == nullptr ? nullptr : recovery->find("last_commit");
    return commit == nullptr || commit->as_string() == nullptr ? "" : *commit->as_string();
  }
  std::string insert(int id) {
    return server_.psql(fmt::format("insert into t values ({}) returning pg_current_xact_id()", id));
  }
  std::string file_in_repository(const std::string& name) const {
    auto found = server_.run({"/usr/bin/find", installation_.repository_path(), "-name", name, "-type", "f"});
    while (!found.empty() && found.back() == '\n') found.pop_back();
    return found;
  }

  RealServer server_;
  Installation installation_;
  Json report_;
};

TEST_F(ProgramRestore, ReachesEveryKindOfTarget) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  insert(2);
  const auto after_two = SystemClock().now();
  insert(3);
  server_.psql("select pg_create_restore_point('before four')");
  const auto fourth = insert(4);
  insert(5);
  installation_.must_run({"backup", "transaction_logs"});
  insert(6);
  const auto lsn = server_.psql("select pg_current_wal_insert_lsn()");
  server_.psql("begin; insert into t values (7); rollback");
  insert(8);
  installation_.must_run({"backup", "transaction_logs"});
  const auto labels = installation_.must_run({"list", "transaction_logs"});
  const auto day = today();

  EXPECT_EQ(ids_after(Words{"full", day}, "full"), "1");
  EXPECT_EQ(last_commit(), "");
  EXPECT_EQ(ids_after(Words{"--immediate"}, "immediate"), "1");
  EXPECT_EQ(ids_after(Words{"point_in_time", day, format_utc(after_two)}, "time"), "1,2");
  EXPECT_LE(MUST(parse_rfc3339(last_commit())), after_two);
  EXPECT_EQ(ids_after(Words{"full", day, format_utc(after_two)}, "full-time"), "1,2");
  EXPECT_EQ(ids_after(Words{"--target-name", "before four"}, "name"), "1,2,3");
  EXPECT_EQ(ids_after(Words{"--target-xid", fourth}, "xid"), "1,2,3,4");
  EXPECT_EQ(ids_after(Words{"--target-lsn", lsn, "--exclusive"}, "lsn"), "1,2,3,4,5,6");
  EXPECT_EQ(ids_after(Words{"point_in_time", day}, "day"), "1,2,3,4,5,6,8");
  EXPECT_EQ(ids_after(Words{"transaction_logs", day}, "logs"), "1,2,3,4,5,6,8");
  EXPECT_NE(last_commit(), "");
  EXPECT_EQ(ids_after(Words{"--latest"}, "latest"), "1,2,3,4,5,6,8");
  // The first log backup by its whole label: the table's first line that names one.
  const auto at = labels.find("-transaction_logs");
  ASSERT_NE(at, std::string::npos) << labels;
  auto first = labels.substr(at - 16, 16 + std::string("-transaction_logs").size());
  const auto second_at = labels.find("-transaction_logs", at + 1);
  ASSERT_NE(second_at, std::string::npos) << labels;
  first = std::min(first, labels.substr(second_at - 16, 16 + std::string("-transaction_logs").size()));
  EXPECT_EQ(ids_after(Words{"transaction_logs", first}, "first-logs"), "1,2,3,4,5");
}

TEST_F(ProgramRestore, ARestoredServerIsBackedUpAndRestoredOnItsOwnTimeline) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  insert(2);
  installation_.must_run({"backup", "transaction_logs"});
  // Production is lost; what comes back takes its place and its name.
  server_.stop("immediate");
  MUST(remove_tree(server_.data_directory()));
  installation_.must_run({"restore", "--latest", "--target", server_.data_directory()});
  server_.start();
  EXPECT_EQ(server_.psql("select timeline_id from pg_control_checkpoint()"), "2");
  insert(3);
  installation_.must_run({"backup", "transaction_logs"});
  insert(4);
  const auto on_two = SystemClock().now();
  insert(5);
  installation_.must_run({"backup", "transaction_logs"});
  EXPECT_EQ(ids_after(Words{"--latest"}, "latest"), "1,2,3,4,5");
  EXPECT_EQ(ids_after(Words{"point_in_time", today(), format_utc(on_two)}, "time"), "1,2,3,4");
  EXPECT_EQ(ids_after(Words{"--latest", "--target-timeline", "1"}, "one"), "1,2");
}

TEST_F(ProgramRestore, PutsTablespacesAndCapturedFilesBesideTheTarget) {
  const auto place = server_.make_directory("fast");
  const auto captured = server_.make_directory("etc");
  server_.run({"/bin/sh", "-c",
               fmt::format("echo token > {0}/token && chmod 640 {0}/token && ln -s /etc/passwd {0}/link", captured)});
  installation_.configure(fmt::format("files:\n  - {{ name: keys, paths: [{}] }}\n", captured));
  server_.psql("create table t (n int)");
  server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
               fmt::format("create tablespace fast location '{}'", place)});
  server_.psql("create table u tablespace fast as select generate_series(1, 5000) as n");
  insert(1);
  installation_.must_run({"backup", "full"});
  server_.psql("insert into u values (-1)");
  installation_.must_run({"backup", "transaction_logs"});

  const auto report = installation_.must_summarize({"restore", "--latest", "--target", target("copy")});
  {
    Opened opened(server_, target("copy"));
    EXPECT_EQ(opened.psql("select count(*), sum(n) from u"), "5001|12502499");
    const auto oid = opened.psql("select oid from pg_tablespace where spcname = 'fast'");
    EXPECT_EQ(opened.psql("select pg_tablespace_location(" + oid + ")"), target("copy") + "-tablespaces/" + oid);
    opened.psql("insert into u values (-2)");
  }
  EXPECT_EQ(server_.psql("select count(*) from u"), "5001") << "the copy must not write where the original lies";
  const auto kept = target("copy") + ".files/keys" + captured;
  EXPECT_EQ(MUST(read_text_file(kept + "/token")), "token\n");
  struct stat status {};
  ASSERT_EQ(::stat((kept + "/token").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
  ASSERT_EQ(::lstat((kept + "/link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));

  installation_.must_run({"restore", "full", today(), "--no-start", "--target", target("fresh")});
  if (!server_.clients_match()) return;
  EXPECT_THAT(server_.run({"pg_verifybackup", target("fresh")}), HasSubstr("successfully verified"));
}

TEST_F(ProgramRestore, PutsTablespacesWhereTheOperatorSaysAndRefusesBadPlacesBeforeItWrites) {
  const auto fast = server_.make_directory("fast");
  const auto slow = server_.make_directory("slow");
  for (const auto& [name, place] : {std::pair{"fast", fast}, std::pair{"slow", slow}}) {
    server_.run({"psql", "-X", "-d", server_.connection_string(), "-c",
                 fmt::format("create tablespace {} location '{}'", name, place)});
    server_.psql(fmt::format("create table in_{0} tablespace {0} as select generate_series(1, 5000) as n", name));
  }
  const auto slow_oid = server_.psql("select oid from pg_tablespace where spcname = 'slow'");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into in_fast values (-1); insert into in_slow values (-1)");
  installation_.must_run({"backup", "transaction_logs"});

  const auto occupied = server_.make_directory("occupied");
  server_.run({"/bin/sh", "-c", fmt::format("echo precious > {}/file", occupied)});
  const auto refused = [&](const Words& mappings, int exit_code, const std::string& why) {
    Words words{"restore", "--latest", "--target", target("refused")};
    for (const auto& mapping : mappings) words.insert(words.end(), {"--tablespace", mapping});
    const auto output = installation_.run(words);
    EXPECT_EQ(output.exit_status, exit_code) << output.err;
    EXPECT_THAT(output.err, HasSubstr(why));
    EXPECT_FALSE(exists(target("refused"))) << why;
  };
  refused({"/nowhere=" + target("new")}, 4, "has no tablespace /nowhere");
  refused({fast + "=relative"}, 2, "is no absolute path");
  refused({fast + "=" + occupied}, 4, "is not empty");
  refused({fast + "=" + target("refused") + "/in"}, 4, "overlap with the data directory");
  refused({fast + "=" + target("same"), slow + "=" + target("same")}, 4, "overlap with tablespace");
  EXPECT_EQ(MUST(read_text_file(occupied + "/file")), "precious\n");

  installation_.must_run({"restore", "--latest", "--target", target("copy"), "--tablespace", fast + "=" + target("ssd"),
                          "--tablespace", slow_oid + "=" + target("tape")});
  Opened opened(server_, target("copy"));
  EXPECT_EQ(opened.psql("select count(*) || ' ' || (select count(*) from in_slow) from in_fast"), "5001 5001");
  EXPECT_EQ(opened.psql("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'fast'"), target("ssd"));
  EXPECT_EQ(opened.psql("select pg_tablespace_location(oid) from pg_tablespace where spcname = 'slow'"),
            target("tape"));
  EXPECT_FALSE(exists(target("copy") + "-tablespaces"));
}

TEST_F(ProgramRestore, FindsItsConfigurationAmongTheCapturedFilesAsOnDebian) {
  // As Debian lays it out: configuration outside the data directory.
  const auto etc = server_.make_directory("etc");
  server_.stop();
  server_.run(
      {"/bin/sh", "-c",
       fmt::format(
           "mv {0}/postgresql.conf {0}/pg_hba.conf {0}/pg_ident.conf {1}/ && echo \"data_directory = '{0}'\" >> "
           "{1}/postgresql.conf && echo \"hba_file = '{1}/pg_hba.conf'\" >> {1}/postgresql.conf && echo "
           "\"work_mem = '7MB'\" >> {1}/postgresql.conf",
           server_.data_directory(), etc)});
  server_.run({server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", etc, "-l", etc + "/log"});
  installation_.configure(fmt::format("files:\n  - {{ name: configuration, paths: [{}] }}\n", etc));
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", server_.data_directory()});

  const auto output = installation_.must_run({"restore", "full", today(), "--target", target("copy")});
  EXPECT_THAT(output, HasSubstr("postgresql.conf was not in the data directory: it was made from the captured " + etc));
  Opened opened(server_, target("copy"));
  EXPECT_EQ(opened.psql("show work_mem"), "7MB");
  EXPECT_EQ(opened.psql("show data_directory"), target("copy"));
  EXPECT_EQ(opened.psql("show hba_file"), target("copy") + "/pg_hba.conf");
}

TEST_F(ProgramRestore, StartsWhatItHasRecoveredWhenAsked) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  server_.stop();  // its socket is free
  const auto report = installation_.must_summarize({"restore", "full", today(), "--start", "--target", target("copy")});
  EXPECT_TRUE(MUST(report.boolean("running")));
  EXPECT_EQ(server_.run({"psql", "-X", "-A", "-t", "-q", "-d", server_.connection_string(), "-c", "select n from t"}),
            "1\n");
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", target("copy")});
}

// ---- wal get, with a server that recovers

TEST_F(ProgramRestore, DamagedWalEndsARestoreWithItsCodeAndTheObjectsName) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  std::string victim;
  for (int i = 2; i <= 5; ++i) {
    insert(i);
    if (i == 3) victim = server_.psql("select pg_walfile_name(pg_current_wal_lsn())");
    server_.psql("select pg_switch_wal()");
  }
  installation_.must_run({"backup", "transaction_logs"});
  const auto path = file_in_repository(victim);
  auto damaged = MUST(read_file(path));
  damaged[damaged.size() / 2] ^= std::byte{1};
  MUST(remove_tree(path));
  MUST(replace_file(path, damaged, 0644));
  const auto output = installation_.run({"restore", "--latest", "--target", target("copy")});
  EXPECT_EQ(output.exit_status, 8) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("/wal/00000001/" + victim));
  EXPECT_THAT(output.err, Not(HasSubstr("SSB-1013")));
}

TEST_F(ProgramRestore, NeverPromotesOverWalThatIsDamagedOrMissing) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  std::string victim;
  for (int i = 2; i <= 5; ++i) {
    insert(i);
    const auto segment = server_.psql("select pg_walfile_name(pg_current_wal_lsn())");
    if (i == 3) victim = segment;
    server_.psql("select pg_switch_wal()");
  }
  installation_.must_run({"backup", "transaction_logs"});
  const auto path = file_in_repository(victim);
  ASSERT_FALSE(path.empty());
  const auto whole = MUST(read_file(path));
  auto damaged = whole;
  damaged[damaged.size() / 2] ^= std::byte{1};

  // Planned while all was well, recovered when it is not: as a store that loses something meanwhile.
  installation_.must_run({"restore", "--latest", "--no-start", "--target", target("copy")});
  const auto socket = server_.make_directory("socket");
  const auto start = [&] {
    return MUST(run_command(
        server_.command({server_.bin_directory() + "/pg_ctl", "start", "-w", "-t", "60", "-D", target("copy"), "-l",
                         target("copy") + ".log", "-o", "-c unix_socket_directories=" + socket + " -c port=6002"}),
        {}, kTimeout));
  };
  const auto timeline = [&] { return MUST(postgres::read_control_file(target("copy"))).control.timeline; };

  MUST(remove_tree(path));
  MUST(replace_file(path, damaged, 0644));
  EXPECT_NE(start().exit_status, 0);
  EXPECT_EQ(timeline(), TimelineId{1});
  EXPECT_TRUE(exists(target("copy") + "/recovery.signal"));

  MUST(remove_tree(path));
  EXPECT_NE(start().exit_status, 0);
  EXPECT_EQ(timeline(), TimelineId{1});
  EXPECT_THAT(MUST(read_text_file(target("copy") + ".log")), HasSubstr(victim));

  // Whole again: the same directory goes on and ends on a new timeline with every commit.
  MUST(replace_file(path, whole, 0644));
  ASSERT_EQ(start().exit_status, 0) << MUST(read_text_file(target("copy") + ".log"));
  const auto ids = [&] {
    return server_.run({"psql", "-X", "-A", "-t", "-q", "-d",
                        "host=" + socket + " port=6002 user=postgres dbname=postgres", "-c",
                        "select string_agg(n::text, ',' order by n), pg_is_in_recovery() from t"});
  };
  std::string found;
  SystemClock clock;
  for (int i = 0; i < 300 && found != "1,2,3,4,5|f\n"; ++i) {
    found = ids();
    MUST(clock.sleep_for(std::chrono::milliseconds(100), {}));
  }
  EXPECT_EQ(found, "1,2,3,4,5|f\n");
  server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", target("copy")});
}

TEST_F(ProgramRestore, AStandbyGoesOnWhereARecoveryWouldStop) {
  server_.psql("create table t (n int)");
  insert(1);
  installation_.must_run({"backup", "full"});
  insert(2);
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "full", today(), "--no-start", "--target", target("standby")});
  // No plan: `wal get` asks the repository, as the restore_command of any standby does.
  MUST(remove_tree(target("standby") + "/recovery.signal"));
  server_.run({"/bin/sh", "-c", fmt::format("touch {}/standby.signal", target("standby"))});
  server_.run(
      {"/bin/sh", "-c",
       fmt::format("printf \"%s\\n\" \"restore_command = '{} --config {} wal get %f %p'\" > {}/postgresql.auto.conf",
                   installation_.program(), installation_.config_file(), target("standby"))});
  const auto key = installation_.key_file();
  Opened standby(server_, target("standby"), "-c hot_standby=on");
  const auto wait_for = [&](const std::string& expected) {
    SystemClock clock;
    std::string found;
    for (int i = 0; i < 300 && found != expected; ++i) {
      found = standby.psql("select string_agg(n::text, ',' order by n), pg_is_in_recovery() from t");
      MUST(clock.sleep_for(std::chrono::milliseconds(100), {}));
    }
    EXPECT_EQ(found, expected);
  };
  wait_for("1,2|t");
  // The repository goes away for a while: the standby must not end.
  ASSERT_EQ(::rename(key.c_str(), (key + ".away").c_str()), 0);
  insert(3);
  SystemClock clock;
  MUST(clock.sleep_for(std::chrono::milliseconds(6000), {}));  // wal_retrieve_retry_interval is 5 s
  EXPECT_EQ(standby.psql("select pg_is_in_recovery()"), "t");
  ASSERT_EQ(::rename((key + ".away").c_str(), key.c_str()), 0);
  installation_.must_run({"backup", "transaction_logs"});
  wait_for("1,2,3|t");
}

TEST_F(ProgramRestore, TakesUpAKilledRecoveryAndStopsItsOrphanedServer) {
  server_.psql("create table t (n int)");
  installation_.must_run({"backup", "full"});
  server_.psql("insert into t select generate_series(1, 200000)");
  server_.psql("select pg_switch_wal(); insert into t values (-1)");
  installation_.must_run({"backup", "transaction_logs"});
  {
    auto killed = MUST(ChildProcess::start(installation_.command({"restore", "--latest", "--target", target("copy")})));
    SystemClock clock;
    for (int i = 0; i < 1200 && !exists(target("copy") + "/postmaster.pid") && !killed.poll(); ++i) {
      MUST(clock.sleep_for(std::chrono::milliseconds(50), {}));
    }
    ASSERT_TRUE(exists(target("copy") + "/postmaster.pid")) << "the kill came too late";
    ::kill(program_of(killed.pid()), SIGKILL);  // it alone: the server that it started goes on
    MUST(killed.wait({}, std::chrono::milliseconds(10'000)));
  }
  EXPECT_TRUE(exists(target("copy") + "/spendsync-restore.unfinished"));
  const auto output = installation_.run({"restore", "--latest", "--target", target("copy")});
  ASSERT_EQ(output.exit_status, 0) << output.out << output.err;
  EXPECT_THAT(output.err, HasSubstr("stopping the server that an interrupted restore left running"));
  Opened opened(server_, target("copy"));
  EXPECT_EQ(opened.psql("select count(*) from t"), "200001");
}

}  // namespace
}  // namespace spendsync::testing
