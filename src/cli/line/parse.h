// From the words of a command line to the command that runs. CLI11 is included in parse.cc alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/line/command.h"

namespace spendsync::cli {

/// The command to run, with its options taken, or what to print and with which code to exit (help: 0 on stdout;
/// mistakes: on stderr, 2 or the command's `failure_code`).
struct ParsedCommandLine {
  const CommandEntry* command = nullptr;  // in the table that was parsed; null: nothing runs
  std::string title;                      // of it
  int exit_code = 0;
  std::string output;  // for stdout
  std::string error;   // for stderr
};
/// `root` is the table: what it is bound to holds the options afterwards.
ParsedCommandLine parse_command_line(const CommandEntry& root, const std::vector<std::string>& arguments);

/// `code`, or what CommandEntry::failure_code says of a command whose words stand among these, wherever: a mistake may
/// hide which command is meant ("--confg FILE wal get %f %p"), and of `wal get` no mistake may look like an answer.
int failure_code_of(const CommandEntry& root, const std::vector<std::string>& arguments, int code);

}  // namespace spendsync::cli
