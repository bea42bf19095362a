// A command as data: its words, options, examples and what it runs. Parser, help, completion and manual pages are made
// of this table and of nothing else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/line/option.h"

namespace spendsync::cli {

struct Process;

/// As it is typed behind "spendsync-backup ", and what comes of it.
struct Example {
  std::string words;
  std::string what;
};

struct CommandEntry {
  std::string name;
  std::string description;               // begins with a small letter, no full stop
  std::vector<Option> options{};         // without those of every command
  std::vector<Option> arguments{};       // in their order
  std::vector<CommandEntry> commands{};  // of a group: it runs nothing itself
  std::vector<Example> examples{};
  std::function<Result<void>()> check{};                     // what must hold together; empty: nothing
  std::function<Result<int>(const Process& process)> run{};  // the exit code; empty for a group
  std::function<std::string()> title{};                      // its name in summaries; empty: its words
  /// What the caller is told where a mistake or a failure keeps the command from answering; empty: the exit code of the
  /// error. For `wal get`: PostgreSQL takes up to 125 as the end of WAL.
  std::function<int()> failure_code{};
};

/// Every command that does something, with its whole name ("keys list"), in the order of the table.
struct NamedCommand {
  std::string path;
  const CommandEntry* command;
};
std::vector<NamedCommand> all_commands(const CommandEntry& root);
/// By its whole name, groups too; "" is the program itself. Null: there is no such command.
const CommandEntry* find_command(const CommandEntry& root, const std::string& path);

/// What a shell loads (bash, zsh, fish): the words, options and kinds of values of every command.
std::string bash_completion(const CommandEntry& root);
std::string zsh_completion(const CommandEntry& root);
std::string fish_completion(const CommandEntry& root);

/// roff with man(7) macros. `path` empty: the program's own page, with every command.
/// `version` stands in the footer. Requires: find_command(root, path).
std::string man_page(const CommandEntry& root, const std::string& path, const std::string& version);

/// At most 80 columns. `path` empty: the program's own, with every command. Requires: find_command(root, path).
std::string help_text(const CommandEntry& root, const std::string& path);

}  // namespace spendsync::cli
