// The transcripts of docs/operations/first-five-minutes.md: made here, and compared with what is committed. Times,
// sizes and numbers differ from run to run and are not compared. After a change of what the commands print run, as
// root,
//   SPENDSYNC_UPDATE_GENERATED=1 integration_program_test --gtest_filter='FirstMinutes.*'
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/testing.h"
#include "integration/installation.h"
#include "integration/transcript.h"

namespace spendsync::testing {
namespace {

TEST(Comparable, IgnoresNumbersAndKeepsWords) {
  EXPECT_EQ(comparable("began 3 min 2 s ago, 1.5 GiB free"), comparable("began 12 ms ago, 20 MiB free"));
  EXPECT_NE(comparable("ok  server.slot"), comparable("problem  server.slot"));
  EXPECT_NE(comparable("-> backup full"), comparable("-> backup transaction_logs"));
}

class FirstMinutes : public ::testing::Test {
 protected:
  FirstMinutes()
      : server_(RealServerSettings{.bin_directory = {}, .configuration = {{"fsync", "on"}}}),
        installation_((server_.start(), server_)) {}

  /// Runs the program and returns "$ sudo spendsync-backup words" and what it printed, with the paths of a real host.
  std::string transcript(const std::vector<std::string>& words) const {
    const bool is_init = words.front() == "init";
    Command command;
    command.arguments = {installation_.program()};
    if (!is_init) command.arguments.insert(command.arguments.end(), {"--config", configuration()});
    command.arguments.insert(command.arguments.end(), words.begin(), words.end());
    if (is_init) {
      command.arguments.insert(command.arguments.end(),
                               {"--cluster", server_.data_directory(), "--base", directory() + "/lib", "--repository",
                                directory() + "/lib/backups", "--output", configuration()});
    }
    const auto output = MUST(run_command(command, {}, std::chrono::seconds(120)));
    EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
    std::string typed;
    for (const auto& word : words) typed += " " + word;
    std::string text = "```console\n$ sudo spendsync-backup" + typed + "\n" + output.out + "```\n";
    replace_all(text, " --config " + configuration(), "");
    replace_all(text, directory() + "/etc", "/etc/spendsync/backup");
    replace_all(text, directory() + "/lib", "/var/lib/spendsync");
    replace_all(text, server_.data_directory(), "/var/lib/postgresql/15/main");
    replace_all(text, "spendsync_backup_data", "spendsync_backup_main");
    replace_all(text, "cluster data,", "cluster main,");
    return text;
  }

  std::string directory() const { return installation_.directory(); }
  std::string configuration() const { return directory() + "/etc/backup-config.yml"; }

  RealServer server_;
  Installation installation_;
};

TEST_F(FirstMinutes, TranscriptsAreWhatTheProgramPrints) {
  if (geteuid() != 0) GTEST_SKIP() << "the page shows them as root";
  TranscriptPage page("docs/operations/first-five-minutes.md");
  page.check("init", transcript({"init", "--yes"}));
  page.check("backup", transcript({"backup", "full"}));
  page.check("check", transcript({"check"}));
  server_.psql("create table t as select generate_series(1, 1000) as n");
  page.check("status", transcript({"status"}));
  page.check("nagios", transcript({"status", "--nagios"}));
  page.finish();
}

}  // namespace
}  // namespace spendsync::testing
