// What every command is handed.
#pragma once

#include "cli/line/global_options.h"
#include "cli/screen/output.h"
#include "jobs/context.h"
#include "jobs/wiring.h"

namespace spendsync::cli {

using jobs::Wiring;

/// All of it outlives the command; a job takes it as its context.
struct Process : jobs::Context {
  const GlobalOptions& global;
  Output& output;

  /// Where the command line says that configuration and keys are; a passphrase is asked for on the terminal.
  jobs::Sources sources() const;
};

}  // namespace spendsync::cli
