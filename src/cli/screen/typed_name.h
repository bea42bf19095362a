// Consent to what cannot be taken back: the cluster's name, typed.
#pragma once

#include <string>

#include "cli/process.h"

namespace spendsync::cli {

/// Asks on the terminal for `name` to be typed; `what` says in a few words what will happen then.
/// Errors: refused (exit code 4), when something else was typed, or when there is no terminal (hint: --yes).
Result<void> ask_for_name(const Process& process, const std::string& name, const std::string& what);

}  // namespace spendsync::cli
