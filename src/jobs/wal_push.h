// archive_command: one WAL file into the repository.
#pragma once

#include "jobs/wiring.h"
#include "wal/push.h"

namespace spendsync::jobs {

/// `path` as archive_command has it, by the working directory, which is the data directory. Needs a wiring that writes.
/// Makes the repository where the first command that writes is this one. Errors: those of wal/push.h and rollback.h.
Result<wal::PushOutcome> push_wal(Wiring& wiring, const std::string& path);

}  // namespace spendsync::jobs
