// Exit codes of all commands but `wal` (docs/operations/exit-codes.md).
#pragma once

#include "base/error.h"

namespace spendsync {

enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,        // command line or configuration
  kIncomplete = 3,   // done, but something that was asked for is not in the result
  kRefused = 4,      // nothing changed
  kNotFound = 5,     // or the target lies outside the recovery window
  kBusy = 6,         // another run holds it
  kUnreachable = 7,  // storage, KMS or PostgreSQL
  kDamaged = 8,
  kDrTestFailed = 9,
  kObjectiveMissed = 10,
};

/// The error's own code where it has one, else the one its kind stands for. A cancelled run gives 128 + the signal.
int exit_code(const Error& error, int signal_received);

}  // namespace spendsync
