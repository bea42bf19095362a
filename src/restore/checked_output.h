// A program's output, every byte of which is known to have been written.
#pragma once

#include <stop_token>

#include "base/subprocess.h"

namespace spendsync::restore {

/// Runs the command and copies its standard output to the descriptor `output`, from its position on. pg_dump and
/// pg_dumpall exit with 0 even where the last buffer of what they wrote did not fit (seen with 15), so their output
/// goes through a pipe of this process, where each write is checked. Blocks; uses one thread of its own. Errors: those
/// of run_command; those of writing (exhausted for a full disk), which end the command.
Result<CommandOutput> run_with_checked_output(Command command, int output, std::stop_token stop);

}  // namespace spendsync::restore
