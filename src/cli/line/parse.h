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

/// The command that the words mean as far as they can be understood, mistakes or not; never null, at least `root`.
const CommandEntry* meant_command(const CommandEntry& root, const std::vector<std::string>& arguments);

}  // namespace spendsync::cli
