// The command table as data: what completion scripts and manual pages are made of.
#pragma once

#include <string>
#include <vector>

namespace spendsync::cli {

struct OptionInfo {
  std::vector<std::string> names;  // "--config", "-q"; of an argument its one name, without dashes
  std::string description;
  bool takes_value = false;          // arguments always do
  std::string value_name;            // "FILE"; empty: nothing better is known
  std::vector<std::string> choices;  // all words that are taken; empty: any
  bool required = false;
};

struct CommandInfo {
  std::string name;
  std::string description;
  std::vector<OptionInfo> options;    // without those of every command
  std::vector<OptionInfo> arguments;  // in their order
  std::vector<CommandInfo> commands;
};

/// The program itself; its options are those of every command.
CommandInfo command_tree();

/// Every command that does something, with its whole name ("keys list"), in the order of the table.
struct NamedCommand {
  std::string path;
  const CommandInfo* command;
};
std::vector<NamedCommand> all_commands(const CommandInfo& root);
/// Null: there is no such command.
const CommandInfo* find_command(const CommandInfo& root, const std::string& path);

/// What a shell loads (bash, zsh, fish): the words, options and kinds of values of every command.
std::string bash_completion(const CommandInfo& root);
std::string zsh_completion(const CommandInfo& root);
std::string fish_completion(const CommandInfo& root);

/// roff with man(7) macros. `path` empty: the program's own page, with every command.
/// `version` stands in the footer. Requires: find_command(root, path).
std::string man_page(const CommandInfo& root, const std::string& path, const std::string& version);

}  // namespace spendsync::cli
