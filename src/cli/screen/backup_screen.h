// What backups of every type report, as lines and as JSON.
#pragma once

#include "backup/database_backup.h"
#include "backup/transaction_logs.h"
#include "base/time.h"
#include "cli/screen/output.h"
#include "jobs/expire.h"

namespace spendsync::cli {

void print(const Output& output, const backup::DatabaseBackupReport& report, const TimeZone& zone);
Json to_json(const backup::DatabaseBackupReport& report);

void print(const Output& output, const backup::TransactionLogBackup::Outcome& outcome);
Json to_json(const backup::TransactionLogBackup::Outcome& outcome);

/// Retention after a backup: remarks, and a warning for what failed.
void print(const Output& output, const jobs::AutomaticExpiry& expiry);
Json to_json(const jobs::AutomaticExpiry& expiry);

}  // namespace spendsync::cli
