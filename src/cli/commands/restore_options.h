// The options that choose what is restored, as jobs take them.
#pragma once

#include "cli/line/command_line.h"
#include "jobs/restore_steps.h"

namespace spendsync::cli {

jobs::RestoreSelection selection_of(const RestoreOptions& options);

}  // namespace spendsync::cli
