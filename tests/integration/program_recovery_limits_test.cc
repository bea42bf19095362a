// Settings that were raised on the source after its backup: recovery gets them, whatever kind of restore it is, and
// one that cannot go on ends with the server's own reason.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/testing.h"
#include "base/time.h"
#include "integration/installation.h"
#include "integration/restored_server.h"

namespace spendsync::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgramRecoveryLimits : public ::testing::Test {
 protected:
  ProgramRecoveryLimits() : installation_((server_.start(), server_)) {
    server_.psql("create table t (n int)");
    installation_.must_run({"backup", "full"});
    set({"max_connections = 300", "max_worker_processes = 24", "max_wal_senders = 25", "max_prepared_transactions = 50",
         "max_locks_per_transaction = 200"});
    server_.psql("insert into t select generate_series(1, 1000)");
  }
  std::string target(const std::string& name) const { return installation_.directory() + "/" + name; }
  std::string auto_conf(const std::string& name) const {
    return MUST(read_text_file(target(name) + "/postgresql.auto.conf"));
  }
  void set(const std::vector<std::string>& settings) {
    for (const auto& setting : settings) {
      server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c", "alter system set " + setting});
    }
    server_.stop();
    server_.start();
  }

  RealServer server_;
  Installation installation_;
};

TEST_F(ProgramRecoveryLimits, LatestReplaysWithWhatTheSourceHadAndTheCopyStartsWithIt) {
  server_.run({"psql", "-X", "-q", "-d", server_.connection_string(), "-c", "begin", "-c", "insert into t values (-5)",
               "-c", "prepare transaction 'left open'"});
  installation_.must_run({"backup", "transaction_logs"});
  const auto output = installation_.must_run({"restore", "--latest", "--target", target("copy")});
  EXPECT_THAT(output, HasSubstr("max_connections = 300 was put into postgresql.auto.conf"));
  RestoredServer copy(server_, target("copy"));
  EXPECT_EQ(copy.psql("select count(*) from t"), "1000\n");
  EXPECT_EQ(copy.psql("select gid from pg_prepared_xacts"), "left open\n");
  copy.psql("commit prepared 'left open'");
  EXPECT_EQ(copy.psql("select count(*) from t where n = -5"), "1\n");
  EXPECT_EQ(copy.psql("show max_connections"), "300\n");
}

TEST_F(ProgramRecoveryLimits, ASettingThatWasLoweredAgainDoesNotStopReplay) {
  set({"max_connections = 30", "max_worker_processes = 8", "max_wal_senders = 10", "max_prepared_transactions = 0",
       "max_locks_per_transaction = 64"});
  server_.psql("insert into t values (0)");
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "--latest", "--in-place", "--yes", "--database-only"});
  EXPECT_EQ(server_.psql("select count(*) from t"), "1001");
  EXPECT_EQ(server_.psql("show max_prepared_transactions"), "0");
}

TEST_F(ProgramRecoveryLimits, ExportAndTheProofReplayWithThemToo) {
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run(
      {"export", "--latest", "--format", "sql", "--database", "postgres", "--output", target("dump.sql")});
  EXPECT_THAT(MUST(read_text_file(target("dump.sql"))), HasSubstr("\n1000\n"));
  const auto proof = installation_.run({"verify", "--restore", "full", TimeZone::utc().day_of(SystemClock().now())});
  EXPECT_THAT(proof.err, Not(HasSubstr("paused")));
  EXPECT_THAT(proof.exit_status, ::testing::AnyOf(0, 3)) << proof.err;
}

TEST_F(ProgramRecoveryLimits, AResultThatIsNotRecoveredYetHasThemInItsConfiguration) {
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "--latest", "--no-start", "--target", target("copy")});
  EXPECT_THAT(auto_conf("copy"),
              AllOf(HasSubstr("max_connections = '300'"), HasSubstr("max_worker_processes = '24'"),
                    HasSubstr("max_wal_senders = '25'"), HasSubstr("max_prepared_transactions = '50'"),
                    HasSubstr("max_locks_per_transaction = '200'")));
  RestoredServer copy(server_, target("copy"));
  SystemClock clock;
  for (int i = 0; i < 600 && copy.psql("select pg_is_in_recovery()") != "f\n"; ++i) {
    MUST(clock.sleep_for(std::chrono::milliseconds(100), {}));
  }
  EXPECT_EQ(copy.psql("select count(*), pg_is_in_recovery() from t"), "1000|f\n");
}

TEST_F(ProgramRecoveryLimits, AMomentBeforeTheChangeIsRestoredWithoutIt) {
  installation_.must_run({"backup", "transaction_logs"});
  installation_.must_run({"restore", "--immediate", "--target", target("copy")});
  EXPECT_THAT(auto_conf("copy"), Not(HasSubstr("max_connections")));
}

TEST_F(ProgramRecoveryLimits, ARecoveryThatPausesEndsWithTheServersReason) {
  installation_.must_run({"backup", "transaction_logs"});
  // A server whose programs put a lower setting behind every other: what recovery asks for does not count.
  const auto programs = server_.make_directory("programs");
  server_.run({"/bin/sh", "-c",
               fmt::format("ln -s {0}/* {1}/ && rm {1}/postgres && printf '%s\\n' '#!/bin/sh' 'case \"$1\" in -D) exec "
                           "{0}/postgres \"$@\" -c max_connections=100 ;; *) exec {0}/postgres \"$@\" ;; esac' > "
                           "{1}/postgres && chmod 755 {1}/postgres",
                           server_.bin_directory(), programs)});
  installation_.reconfigure("bin_directory: " + server_.bin_directory(), "bin_directory: " + programs);
  const auto output = installation_.run({"restore", "--latest", "--target", target("copy")});
  EXPECT_NE(output.exit_status, 0);
  const bool pauses = server_.major_version() >= 14;  // before, the server ends
  EXPECT_THAT(output.err, HasSubstr(pauses ? "recovery has paused" : "insufficient parameter settings"));
  EXPECT_THAT(output.err, HasSubstr("max_connections = 100 is a lower setting than on the primary server, where its "
                                    "value was 300"));
}

}  // namespace
}  // namespace spendsync::testing
