// A repository that has gone back behind what this host has seen, and one whose newest WAL is gone: `--latest` means
// the latest, and no command goes on in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

class LostNewest : public ::testing::Test {
 protected:
  LostNewest() : installation_((server_.start(), server_)) {
    server_.psql("create table ledger (id int)");
    installation_.must_run({"backup", "full"});
    commit_and_store();
  }
  void commit_and_store() {
    server_.psql("insert into ledger values (1)");
    installation_.must_run({"backup", "transaction_logs"});
  }
  std::string repository() const { return installation_.repository_path(); }
  std::string shell(const std::string& line) const { return server_.run({"/bin/sh", "-c", line}); }
  std::string state() const {
    return shell("cd " + installation_.state_path() + " && for f in newest-*; do echo $f; cat $f; done");
  }
  std::string names() const { return shell("cd " + repository() + " && find . -type f | sort"); }
  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string today() const { return TimeZone::utc().day_of(SystemClock().now()); }

  std::string system_identifier() const { return server_.psql("select system_identifier from pg_control_system()"); }
  /// As after initdb and a dump's restore, or pg_upgrade: another identifier in the same place.
  void build_server_anew() {
    server_.stop();
    const auto& data = server_.data_directory();
    shell("mv " + data + " " + data + ".before");
    server_.run({server_.bin_directory() + "/initdb", "-D", data, "-U", "postgres", "-A", "trust", "-k", "-N"});
    shell("cp " + data + ".before/postgresql.conf " + data + ".before/pg_hba.conf " + data);
    server_.start();
    server_.psql("create table ledger (id int)");
  }
  void expect_refused_as_went_back(const std::vector<std::string>& command) const {
    const auto output = installation_.run(command);
    EXPECT_EQ(output.exit_status, 4) << command.front() << output.out << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("SSB-1108"), HasSubstr("init --accept-rollback"))) << command.front();
  }
  /// A full backup and logs, and nothing that any command finds wrong with them.
  void expect_all_is_well_after_a_full() {
    installation_.must_run({"backup", "full"});
    commit_and_store();
    for (const char* command : {"list", "check", "status", "expire"}) {
      const auto output = installation_.run({command});
      EXPECT_EQ(output.exit_status, 0) << command << output.out << output.err;
      EXPECT_THAT(output.out + output.err, Not(HasSubstr("accept-rollback")));
    }
    installation_.must_run({"restore", "--latest", "--target", target("well")});
    EXPECT_THAT(installation_.must_run({"init", "--accept-rollback"}), HasSubstr("nothing was changed"));
  }

  void expect_latest_is_refused(const std::string& named) const {
    for (const auto& command :
         {std::vector<std::string>{"restore", "--latest", "--target", target("refused")},
          std::vector<std::string>{"restore", "--latest", "--plan"},
          std::vector<std::string>{"export", "--latest", "--format", "directory", "--output", target("refused")}}) {
      const auto output = installation_.run(command);
      EXPECT_EQ(output.exit_status, 4) << output.out << output.err;
      EXPECT_THAT(output.err, AllOf(HasSubstr("SSB-1510"), HasSubstr(named), HasSubstr("--up-to-what-is-there")));
    }
    EXPECT_FALSE(exists(target("refused")));
  }
  void expect_not_safe(const std::string& named) const {
    const auto status = installation_.run({"status"});
    EXPECT_NE(status.exit_status, 0);
    EXPECT_THAT(status.out, AllOf(HasSubstr("NOT SAFE"), HasSubstr(named)));
    const auto check = installation_.run({"check"});
    EXPECT_NE(check.exit_status, 0);
    EXPECT_THAT(check.out, HasSubstr(named));
  }
  /// Restores all that is there; the ids that are then in the table, counted.
  std::string rows_of_what_is_there(const std::string& name) const {
    const auto said =
        installation_.must_run({"restore", "--latest", "--up-to-what-is-there", "--target", target(name)});
    EXPECT_THAT(said, HasSubstr("cannot be reached"));
    RestoredServer restored(server_, target(name));
    return restored.psql("select count(*) from ledger");
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(LostNewest, ARepositoryThatWentBackIsNoticedByAllAndWrittenToByNone) {
  shell("cp -a " + repository() + " " + target("yesterday"));
  commit_and_store();
  installation_.must_run({"backup", "full"});
  shell("mv " + repository() + " " + target("today") + " && mv " + target("yesterday") + " " + repository());
  const auto segment = server_.data_directory() + "/pg_wal/" +
                       server_.psql("insert into ledger values (9); select pg_walfile_name(pg_switch_wal())");
  const auto seen = state();
  const auto stored = names();
  for (const auto& command : std::vector<std::vector<std::string>>{{"backup", "full"},
                                                                   {"backup", "incremental"},
                                                                   {"backup", "transaction_logs"},
                                                                   {"wal", "push", segment},
                                                                   {"expire"}}) {
    const auto output = installation_.run(command);
    EXPECT_EQ(output.exit_status, 4) << command.back() << output.err;
    EXPECT_THAT(output.err, AllOf(HasSubstr("SSB-1108"), HasSubstr("init --accept-rollback")));
  }
  const auto list = installation_.run({"list"});
  EXPECT_EQ(list.exit_status, 8) << list.out << list.err;
  EXPECT_THAT(list.err, HasSubstr("went back"));
  expect_latest_is_refused("went back");
  expect_not_safe("went back");
  EXPECT_THAT(installation_.must_run({"restore", "full", today(), "--plan"}), HasSubstr("went back"));
  EXPECT_EQ(state(), seen);
  EXPECT_EQ(names(), stored);
  EXPECT_EQ(installation_.run({"verify", "full", today()}).exit_status, 8);  // keeps its verdict there

  // The newer state is brought back: all is as before.
  shell("mv " + repository() + " " + target("yesterday") + " && mv " + target("today") + " " + repository());
  EXPECT_EQ(installation_.run({"list"}).exit_status, 0);
  EXPECT_EQ(installation_.run({"check"}).exit_status, 0);
  commit_and_store();
  installation_.must_run({"restore", "--latest", "--target", target("all")});
}

TEST_F(LostNewest, OnceARollbackIsAcceptedWhatTheServerStillHasIsStoredAgain) {
  shell("cp -a " + repository() + " " + target("yesterday"));
  commit_and_store();
  shell("rm -rf " + repository() + " && mv " + target("yesterday") + " " + repository());
  EXPECT_EQ(rows_of_what_is_there("older"), "1\n");

  const auto accepted = installation_.must_summarize({"init", "--accept-rollback"});
  ASSERT_EQ(MUST(accepted.array_of("accepted"))->size(), 1u) << accepted.dump();
  EXPECT_EQ(installation_.run({"list"}).exit_status, 0);
  commit_and_store();
  EXPECT_EQ(installation_.run({"check"}).exit_status, 0) << installation_.run({"check"}).out;
  installation_.must_run({"restore", "--latest", "--target", target("newer")});
  EXPECT_EQ(RestoredServer(server_, target("newer")).psql("select count(*) from ledger"), "3\n");
  EXPECT_THAT(installation_.must_run({"init", "--accept-rollback"}), HasSubstr("nothing was changed"));
}

TEST_F(LostNewest, AFolderThatIsGoneIsSaidByAllAndAcceptedByWhatIsRemembered) {
  const auto server = system_identifier();
  shell("rm -rf " + repository() + "/*/" + server);
  const auto segment = server_.data_directory() + "/pg_wal/" +
                       server_.psql("insert into ledger values (9); select pg_walfile_name(pg_switch_wal())");
  for (const auto& command : std::vector<std::vector<std::string>>{{"backup", "full"},
                                                                   {"backup", "transaction_logs"},
                                                                   {"wal", "push", segment},
                                                                   {"expire"},
                                                                   {"list"},
                                                                   {"status"},
                                                                   {"verify", "full", today()},
                                                                   {"restore", "--latest", "--plan"}}) {
    expect_refused_as_went_back(command);
  }
  const auto check = installation_.run({"check"});
  EXPECT_NE(check.exit_status, 0);
  EXPECT_THAT(check.out, AllOf(HasSubstr("went back"), HasSubstr("init --accept-rollback")));

  const auto said = installation_.must_run({"init", "--accept-rollback"});
  EXPECT_THAT(said, AllOf(HasSubstr("Given up of the server with system identifier " + server),
                          HasSubstr("Next: spendsync-backup backup full"), Not(HasSubstr("cluster adopt"))));
  const auto list = installation_.run({"list"});
  EXPECT_THAT(list.err, AllOf(HasSubstr("SSB-1103"), HasSubstr("backup full")));
  installation_.must_run({"wal", "push", segment});
  expect_all_is_well_after_a_full();
}

TEST_F(LostNewest, ACopyFromBeforeTheServersAdoptionIsAcceptedByWhatIsRemembered) {
  const auto first = system_identifier();
  shell("cp -a " + repository() + " " + target("before-adopt"));
  build_server_anew();
  const auto second = system_identifier();
  installation_.must_run({"cluster", "adopt", "--yes"});
  installation_.must_run({"backup", "full"});
  commit_and_store();
  shell("mv " + repository() + " " + target("adopted") + " && mv " + target("before-adopt") + " " + repository());
  expect_refused_as_went_back({"backup", "full"});
  expect_refused_as_went_back({"cluster", "adopt", "--yes"});
  const auto list = installation_.run({"list"});
  EXPECT_EQ(list.exit_status, 8) << list.out << list.err;
  EXPECT_THAT(list.err, AllOf(HasSubstr("went back"), HasSubstr(second)));
  expect_latest_is_refused("went back");

  const auto said = installation_.must_run({"init", "--accept-rollback"});
  EXPECT_THAT(said, AllOf(HasSubstr("Given up of the server with system identifier " + second),
                          HasSubstr("Next: spendsync-backup cluster adopt, then: spendsync-backup backup full")));
  EXPECT_THAT(said, Not(HasSubstr("Given up of the server with system identifier " + first)));
  EXPECT_EQ(installation_.run({"list"}).exit_status, 0);
  const auto refused = installation_.run({"backup", "full"});
  EXPECT_EQ(refused.exit_status, 4);
  EXPECT_THAT(refused.err, HasSubstr("cluster adopt"));
  installation_.must_run({"cluster", "adopt", "--yes"});
  expect_all_is_well_after_a_full();
}

TEST_F(LostNewest, AnEarlierServersFolderThatIsGoneKeepsNobodyFromThePresentOnes) {
  const auto first = system_identifier();
  build_server_anew();
  installation_.must_run({"cluster", "adopt", "--yes"});
  installation_.must_run({"backup", "full"});
  shell("rm -rf " + repository() + "/*/" + first);
  EXPECT_THAT(installation_.run({"list"}).err, AllOf(HasSubstr(first), HasSubstr("init --accept-rollback")));
  commit_and_store();
  installation_.must_run({"restore", "--latest", "--target", target("present")});
  EXPECT_THAT(installation_.must_run({"init", "--accept-rollback"}), Not(HasSubstr("cluster adopt")));
  EXPECT_THAT(installation_.run({"list"}).err, Not(HasSubstr("init --accept-rollback")));
  expect_all_is_well_after_a_full();
}

TEST_F(LostNewest, WalThatALogRecordStatesAndThatIsGone) {
  commit_and_store();
  const auto last = shell("cd " + repository() + " && find . -path '*/wal/*' -name '0000*' | sort | tail -1");
  const std::string segment = last.substr(last.rfind('/') + 1, 24);
  shell("cd " + repository() + " && mv " + last.substr(0, last.find('\n')) + " " + target("away"));
  expect_latest_is_refused(segment);
  expect_not_safe(segment);
  EXPECT_EQ(rows_of_what_is_there("older"), "1\n");
}

TEST_F(LostNewest, ATimelineWhoseHistoryIsGone) {
  server_.stop();
  installation_.must_run({"restore", "--latest", "--in-place", "--yes", "--start"});
  commit_and_store();
  EXPECT_EQ(installation_.run({"check"}).exit_status, 0) << installation_.run({"check"}).out;
  const auto history = shell("cd " + repository() + " && find . -path '*/wal/*' -name '*history*' | head -1");
  ASSERT_FALSE(history.empty());
  shell("cd " + repository() + " && mv " + history.substr(0, history.find('\n')) + " " + target("away"));
  expect_latest_is_refused("00000002.history");
  expect_not_safe("00000002.history");
}

}  // namespace
}  // namespace spendsync::testing
