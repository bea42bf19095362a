// The transcripts of docs/operations/first-five-minutes.md: made here, and compared with what is committed. Times,
// sizes and numbers differ from run to run and are not compared. After a change of what the commands print run, as
// root,
//   SPENDSYNC_UPDATE_GENERATED=1 integration_program_test --gtest_filter='FirstMinutes.*'
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>

#include "base/testing.h"
#include "integration/installation.h"

namespace spendsync::testing {
namespace {

std::string page_path() { return source_directory() + "/docs/operations/first-five-minutes.md"; }
std::string begin_mark(const std::string& name) { return "<!-- transcript " + name + ": begin -->\n"; }
const std::string kEndMark = "<!-- transcript: end -->\n";

bool updating() { return std::getenv("SPENDSYNC_UPDATE_GENERATED") != nullptr; }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// What differs between two runs, made equal.
std::string comparable(std::string text) {
  const std::pair<const char*, const char*> rules[] = {
      {R"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC))", "TIME"},
      {R"(\d{8}T\d{6}Z)", "LABEL"},
      {R"(\b\d+(\.\d+)? (B|KiB|MiB|GiB|TiB)\b)", "SIZE"},
      {R"(\b\d+GB\b)", "SIZE"},
      {R"(\b\d+(\.\d+)? (us|ms|s|min|h|d)\b( \d+ (s|min|h)\b)?)", "DURATION"},
      {R"(\b[0-9A-F]{1,8}/[0-9A-F]{5,8}\b)", "LSN"},
      {R"(\b\d{18,20}\b)", "IDENTIFIER"},
      {R"(\b\d+ files\b)", "N files"},
      {R"(PostgreSQL \d[^\n]*)", "PostgreSQL VERSION"},
      {R"(=\d+(s|B);)", "=N;"},
      {R"(just now|DURATION ago)", "AGO"},
      {R"(lose (nothing|at most DURATION))", "lose LITTLE"},
      {R"(the server has written nothing since|SIZE of WAL is not stored yet)", "LAG"},
  };
  for (const auto& [pattern, replacement] : rules) text = std::regex_replace(text, std::regex(pattern), replacement);
  return text;
}

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

void compare_or_update(std::string& page, const std::string& name, const std::string& text) {
  const size_t begin = page.find(begin_mark(name));
  ASSERT_NE(begin, std::string::npos) << "no place for the transcript of " << name;
  const size_t first = begin + begin_mark(name).size();
  const size_t end = page.find(kEndMark, first);
  ASSERT_NE(end, std::string::npos);
  if (updating()) {
    page.replace(first, end - first, text);
  } else {
    EXPECT_EQ(comparable(page.substr(first, end - first)), comparable(text)) << name;
  }
}

TEST_F(FirstMinutes, TranscriptsAreWhatTheProgramPrints) {
  if (geteuid() != 0) GTEST_SKIP() << "the page shows them as root";
  std::string page = MUST(read_text_file(page_path()));
  compare_or_update(page, "init", transcript({"init", "--yes"}));
  compare_or_update(page, "backup", transcript({"backup", "full"}));
  compare_or_update(page, "check", transcript({"check"}));
  server_.psql("create table t as select generate_series(1, 1000) as n");
  compare_or_update(page, "status", transcript({"status"}));
  compare_or_update(page, "nagios", transcript({"status", "--nagios"}));
  if (updating()) MUST(replace_file(page_path(), as_bytes(page), 0644));
}

}  // namespace
}  // namespace spendsync::testing
