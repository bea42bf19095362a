#include <gmock/gmock.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/line/parse.h"

namespace spendsync::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t widest_line(const std::string& text) {
  size_t widest = 0;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    widest = std::max(widest, end - begin);
    begin = end + 1;
  }
  return widest;
}

TEST(Help, OfEveryCommandFitsATerminalAndShowsAnExample) {
  const auto root = command_table();
  for (const auto& named : all_commands(root)) {
    SCOPED_TRACE(named.path);
    const auto text = help_text(root, named.path);
    EXPECT_LE(widest_line(text), 80u) << text;
    EXPECT_THAT(text, HasSubstr("Usage: spendsync-backup " + named.path));
    EXPECT_THAT(text, HasSubstr("--config FILE"));
    EXPECT_THAT(text, Not(HasSubstr("escrow-key-socket"))) << "for this program's own use";
    // `dr-test` says itself what it is not yet.
    if (named.path == "dr-test") continue;
    EXPECT_THAT(text, HasSubstr("Examples:\n  spendsync-backup " + named.path));
  }
  EXPECT_LE(widest_line(help_text(root, "")), 80u);
}

TEST(Help, OfTheProgramAndOfGroupsListsTheirCommands) {
  const auto root = command_table();
  const auto program = help_text(root, "");
  for (const auto& command : root.commands) EXPECT_THAT(program, HasSubstr("\n  " + command.name + " "));
  const auto keys = help_text(root, "keys");
  EXPECT_THAT(keys, HasSubstr("Usage: spendsync-backup keys COMMAND"));
  EXPECT_THAT(keys, HasSubstr("\n  import-kit  make the key file again"));
}

/// Whoever copies an example must not be told that it is wrong.
TEST(Help, EveryExampleIsACommandLineThatIsTaken) {
  const auto root = command_table();
  for (const auto& named : all_commands(root)) {
    for (const auto& example : named.command->examples) {
      SCOPED_TRACE(example.words);
      std::vector<std::string> words;
      std::string word;
      bool quoted = false;
      for (char c : example.words + " ") {
        if (c == '\'') {
          quoted = !quoted;
        } else if (c == ' ' && !quoted) {
          if (word == "|" || word == ">") break;  // the rest is the shell's
          if (!word.empty()) words.push_back(word);
          word.clear();
        } else {
          word += c;
        }
      }
      const auto table = command_table();
      const auto parsed = parse_command_line(table, words);
      EXPECT_NE(parsed.command, nullptr) << parsed.error;
      if (parsed.command == nullptr) continue;
      EXPECT_EQ(parsed.command->name, named.command->name);
    }
  }
}

}  // namespace
}  // namespace spendsync::cli
