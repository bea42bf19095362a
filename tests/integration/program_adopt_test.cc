// The server is built anew under the same name: `cluster adopt`, and both servers' backups stay within reach.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

std::string today() { return TimeZone::utc().day_of(SystemClock().now()); }

class Adopt : public ::testing::Test {
 protected:
  Adopt() : server_(RealServerSettings{}), installation_((server_.start(), server_)) {}

  std::string system_identifier() { return server_.psql("select system_identifier from pg_control_system()"); }
  /// As after initdb and a dump's restore, or pg_upgrade: another identifier in the same place.
  void build_anew() {
    server_.stop();
    const auto& data = server_.data_directory();
    server_.run({"/bin/mv", data, data + ".before"});
    server_.run({server_.bin_directory() + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-k", "-N"});
    server_.run({"/bin/cp", data + ".before/postgresql.conf", data + ".before/pg_hba.conf", data});
    server_.start();
  }
  /// The value of one row in a restored data directory.
  std::string word_in(const std::string& target) {
    server_.run({server_.bin_directory() + "/pg_ctl", "start", "-w", "-D", target, "-l", target + ".log", "-o",
                 fmt::format("-c unix_socket_directories={} -c port=5441 -c listen_addresses=", server_.directory())});
    auto word = server_.run({"psql", "-X", "-A", "-t", "-q", "-h", server_.directory(), "-p", "5441", "-U", "postgres",
                             "-c", "select word from t", "postgres"});
    server_.run({server_.bin_directory() + "/pg_ctl", "stop", "-w", "-D", target});
    return word;
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(Adopt, LetsTheNewServerTakeTheNameAndKeepsTheOldBackupsInReach) {
  server_.psql("create table t as select 'before' as word");
  const auto before = system_identifier();
  const auto first = installation_.must_summarize({"backup", "full"});
  build_anew();
  server_.psql("create table t as select 'after' as word");
  const auto after = system_identifier();
  ASSERT_NE(before, after);

  const auto refused = installation_.run({"backup", "full"});
  EXPECT_EQ(refused.exit_status, 4) << refused.out << refused.err;
  EXPECT_NE(refused.err.find("cluster adopt"), std::string::npos) << refused.err;

  const auto asked = installation_.run({"cluster", "adopt"});  // nobody is there to type
  EXPECT_EQ(asked.exit_status, 4) << asked.out << asked.err;
  EXPECT_NE(asked.out.find(before), std::string::npos) << asked.out;
  EXPECT_NE(asked.out.find(after), std::string::npos) << asked.out;
  EXPECT_EQ(installation_.run({"backup", "full"}).exit_status, 4) << "nothing was changed";

  installation_.must_run({"cluster", "adopt", "--yes"});
  EXPECT_NE(installation_.must_run({"cluster", "adopt"}).find("nothing to adopt"), std::string::npos);
  const auto second = installation_.must_summarize({"backup", "full"});

  const auto listed = installation_.must_run({"list"});
  EXPECT_NE(listed.find("system identifier " + before), std::string::npos) << listed;
  EXPECT_NE(listed.find(MUST(second.text("label"))), std::string::npos) << listed;

  const auto old_target = installation_.directory() + "/old";
  const auto old_label = MUST(first.text("label"));
  installation_.must_run({"restore", "full", old_label, "--target", old_target});
  EXPECT_EQ(word_in(old_target), "before\n");
  const auto new_target = installation_.directory() + "/new";
  installation_.must_run({"restore", "full", today(), "--target", new_target});
  EXPECT_EQ(word_in(new_target), "after\n");
  const auto named = installation_.directory() + "/named";
  installation_.must_run({"restore", "full", today(), "--target", named, "--system-identifier", before});
  EXPECT_EQ(word_in(named), "before\n");
  const auto verified = installation_.run({"verify", "full", old_label});
  EXPECT_EQ(verified.exit_status, 0) << verified.out << verified.err;
  EXPECT_EQ(installation_.run({"verify", "full", today(), "--system-identifier", "7"}).exit_status, 5);
}

TEST_F(Adopt, AKeyIsChangedForTheOldServersBackupsToo) {
  server_.psql("create table t as select 'before' as word");
  const auto before = system_identifier();
  const auto old_label = MUST(installation_.must_summarize({"backup", "full"}).text("label"));
  build_anew();
  server_.psql("create table t as select 'after' as word");
  installation_.must_run({"cluster", "adopt", "--yes"});
  installation_.must_run({"backup", "full"});

  const auto new_key = installation_.directory() + "/new.key";
  server_.run({"/bin/sh", "-c", "umask 077; openssl rand 32 > " + new_key});
  const auto line = [](const std::string& path) { return fmt::format("    - {{ type: key-file, path: {} }}\n", path); };
  const auto listed = installation_.must_summarize({"keys", "list"});
  EXPECT_GE(MUST(listed.unsigned_integer("keys")), 8u) << "two pairs of each server";
  const auto old_id = MUST(MUST(listed.array_of("openers"))->front().text("id"));
  installation_.reconfigure(line(installation_.key_file()), line(installation_.key_file()) + line(new_key));
  EXPECT_NE(installation_.must_run({"keys", "list"}).find(before), std::string::npos) << "of which server a key is";
  const auto rewrapped = installation_.must_summarize({"keys", "rewrap"});
  EXPECT_EQ(MUST(rewrapped.unsigned_integer("added_total")), MUST(listed.unsigned_integer("keys")));
  EXPECT_NE(installation_.must_run({"keys", "kit"}).find("opens everything"), std::string::npos);
  installation_.reconfigure(line(installation_.key_file()), "");
  const auto retired = installation_.must_summarize({"keys", "rewrap", "--retire", old_id});
  EXPECT_EQ(MUST(retired.unsigned_integer("retired")), MUST(listed.unsigned_integer("keys")));
  MUST(remove_tree(installation_.key_file()));

  const auto target = installation_.directory() + "/old";
  installation_.must_run({"restore", "full", old_label, "--target", target});
  EXPECT_EQ(word_in(target), "before\n");
  EXPECT_NE(installation_.must_run({"list"}).find("system identifier " + before), std::string::npos);
}

TEST_F(Adopt, HasNothingToDoWhereThereIsNoOtherServer) {
  EXPECT_EQ(installation_.run({"cluster", "adopt", "--yes"}).exit_status, 5);
  installation_.must_run({"backup", "full"});
  EXPECT_NE(installation_.must_run({"cluster", "adopt", "--yes"}).find("nothing to adopt"), std::string::npos);
}

}  // namespace
}  // namespace spendsync::testing
