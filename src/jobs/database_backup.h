// A full or incremental backup, as the configuration says.
#pragma once

#include "backup/database_backup.h"
#include "jobs/wiring.h"

namespace spendsync::jobs {

struct DatabaseBackupRequest {
  BackupType type = BackupType::full;  // full or incremental
  bool skip_unreadable = false;        // what cannot be read makes the backup incomplete; else it is refused
  bool resume = true;                  // an interrupted one of the same type
  std::optional<uint64_t> throttle{};  // bytes a second, 0 without a limit; empty: storage.upload_limit
  std::optional<unsigned> workers{};   // empty: `workers` of the configuration, else one a core
};

/// Needs a wiring that writes. Limits its rates. Errors: those of backup/database_backup.h.
Result<backup::DatabaseBackupReport> back_up_database(Wiring& wiring, const DatabaseBackupRequest& request,
                                                      Progress& progress);

}  // namespace spendsync::jobs
