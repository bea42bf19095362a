// Retention as a command and after backups.
#pragma once

#include "cli/wiring.h"

namespace spendsync::cli {

/// After a backup that succeeded, where expire.automatic says so. What fails, or would be over the cap, is a warning:
/// the backup stands. Returns what the backup's summary says of it.
Json expire_after_backup(const Process& process, Wiring& wiring);

}  // namespace spendsync::cli
