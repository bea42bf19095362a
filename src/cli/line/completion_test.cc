#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/testing.h"
#include "cli/commands/commands.h"

namespace spendsync::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

constexpr std::chrono::seconds kTimeout{60};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

class Completion : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const auto path = directory_.path() + "/" + name;
    MUST(replace_file(path, as_bytes(content), 0600));
    return path;
  }
  /// What a real bash offers for the last of these words.
  std::vector<std::string> offers(const std::vector<std::string>& words) {
    std::string script =
        ". " + write("completion.bash", bash_completion(command_table())) + "\ncd " + directory_.path();
    script += "\nCOMP_WORDS=(spendsync-backup";
    for (const auto& word : words) script += " '" + word + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size()) + "\ncompopt() { :; }\n_spendsync_backup\n";
    script += "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    auto out = MUST(run_checked(Command{{"bash", "--norc", write("run.bash", script)}, {}, {}, {}}, {}, kTimeout));
    auto lines = lines_of(out);
    std::erase(lines, "");
    return lines;
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "completion-"));
};

TEST_F(Completion, TheTreeHoldsEveryCommandWithItsWords) {
  const auto root = command_table();
  std::vector<std::string> paths;
  for (const auto& named : all_commands(root)) {
    paths.push_back(named.path);
    EXPECT_NE(named.command->description, "") << named.path;
    for (const auto* list : {&named.command->options, &named.command->arguments}) {
      for (const auto& option : *list) EXPECT_NE(option.description, "") << named.path;
    }
  }
  EXPECT_THAT(paths, IsSupersetOf({"backup", "list", "restore", "verify", "wal push", "wal get", "keys list",
                                   "keys kit", "config validate", "completion", "man", "explain"}));
  const auto* backup = find_command(root, "backup");
  ASSERT_NE(backup, nullptr);
  EXPECT_THAT(backup->arguments.at(0).choices, ElementsAre("full", "incremental", "transaction_logs"));
  EXPECT_TRUE(backup->arguments.at(0).is_required);
  EXPECT_EQ(find_command(root, "keys nonsense"), nullptr);
  EXPECT_THAT(root.options.at(0).names, ElementsAre("--config"));
  EXPECT_EQ(root.options.at(0).value_name, "FILE");
}

TEST_F(Completion, BashAcceptsTheScript) {
  const auto path = write("completion.bash", bash_completion(command_table()));
  auto checked = MUST(run_command(Command{{"bash", "-n", path}, {}, {}, {}}, {}, kTimeout));
  EXPECT_EQ(checked.exit_status, 0) << checked.err;
  EXPECT_EQ(checked.err, "");
  auto loaded = MUST(run_checked(
      Command{{"bash", "--norc", "-c", ". " + path + "; complete -p spendsync-backup"}, {}, {}, {}}, {}, kTimeout));
  EXPECT_EQ(loaded, "complete -F _spendsync_backup spendsync-backup\n");
}

TEST_F(Completion, BashCompletesWhatIsTyped) {
  EXPECT_THAT(offers({"ba"}), ElementsAre("backup"));
  EXPECT_THAT(offers({"keys", "re"}), ElementsAre("rewrap"));
  EXPECT_THAT(offers({"backup", ""}), ElementsAre("full", "incremental", "transaction_logs"));
  EXPECT_THAT(offers({"backup", "tr"}), ElementsAre("transaction_logs"));
  EXPECT_THAT(offers({"restore", "--target-t"}), ElementsAre("--target-timeline"));
  EXPECT_THAT(offers({"list", "--q"}), ElementsAre("--quiet"));
  EXPECT_THAT(offers({"completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(offers({"keys", "--no-st"}), IsEmpty());
  EXPECT_THAT(offers({""}), Contains("restore"));
}

TEST_F(Completion, ValuesOfOptionsAreNoCommands) {
  write("backup-config.yml", "");
  MUST(make_directories(directory_.path() + "/target", 0700));
  EXPECT_THAT(offers({"--config", "backup-c"}), ElementsAre("backup-config.yml"));
  EXPECT_THAT(offers({"--config", "list", "ba"}), ElementsAre("backup")) << "`list` was a file's name";
  EXPECT_THAT(offers({"restore", "--target", "t"}), ElementsAre("target"));
  EXPECT_THAT(offers({"restore", "--target-lsn", ""}), IsEmpty());
  // --plan has a value in one command and none in another.
  EXPECT_THAT(offers({"restore", "--plan", "fu"}), ElementsAre("full"));
  EXPECT_THAT(offers({"wal", "get", "--plan", "backup-c"}), ElementsAre("backup-config.yml"));
  EXPECT_THAT(offers({"verify", "full", "back"}), ElementsAre("backup-config.yml"));
}

TEST_F(Completion, EveryShellIsToldEveryCommandAndOption) {
  const auto root = command_table();
  for (const auto& script : {bash_completion(root), zsh_completion(root), fish_completion(root)}) {
    for (const auto& named : all_commands(root)) {
      const auto name = named.path.substr(named.path.rfind(' ') + 1);
      EXPECT_THAT(script, HasSubstr(name));
      for (const auto& option : named.command->options) EXPECT_THAT(script, HasSubstr(option.names.back().substr(2)));
    }
    EXPECT_THAT(script, Not(HasSubstr("escrow-key-socket"))) << "for this program's own use";
  }
}

class ManPage : public Completion {};

TEST_F(ManPage, FormatsWithoutAWarning) {
  const auto root = command_table();
  std::vector<std::string> paths{""};
  for (const auto& named : all_commands(root)) paths.push_back(named.path);
  for (const auto& path : paths) {
    const auto file = write("page.1", man_page(root, path, "1.2.3"));
    auto formatted = MUST(run_command(
        Command{{"groff", "-man", "-Tascii", "-ww", "-P-cbou", "-rLL=100n", file}, {}, {}, {}}, {}, kTimeout));
    EXPECT_EQ(formatted.exit_status, 0) << path;
    EXPECT_EQ(formatted.err, "") << path;
    EXPECT_THAT(formatted.out, HasSubstr(path.empty() ? "spendsync-backup" : "spendsync-backup " + path));
    EXPECT_THAT(formatted.out, HasSubstr("EXIT STATUS"));
    EXPECT_THAT(formatted.out, HasSubstr("--config FILE"));
  }
}

TEST_F(ManPage, NamesItsArgumentsAndOptions) {
  const auto page = man_page(command_table(), "restore", "1.2.3");
  EXPECT_THAT(page, HasSubstr(".TH \"SPENDSYNC\\-BACKUP\\-RESTORE\" 1"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-target\\fR \\fIDIR\\fR"));
  EXPECT_THAT(page, HasSubstr("\\fIpoint_in_time\\fR"));
  EXPECT_THAT(page, Not(HasSubstr("escrow\\-key\\-socket")));
  const auto all = man_page(command_table(), "", "1.2.3");
  EXPECT_THAT(all, HasSubstr("\\fBwal push\\fR"));
  EXPECT_THAT(all, HasSubstr("\\fBkeys rewrap\\fR"));
}

}  // namespace
}  // namespace spendsync::cli
