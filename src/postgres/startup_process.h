// What a recovering server does, also while it accepts no connections.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace spendsync::postgres {

/// What follows "startup" in the title of the postmaster's startup process: "recovering 000000010000000000000003" or
/// "waiting for 000000010000000000000004" (versions 13 to 18, with update_process_title on and no cluster_name).
/// Nothing where there is no such process or it says nothing.
std::optional<std::string> startup_process_activity(pid_t postmaster);

}  // namespace spendsync::postgres
