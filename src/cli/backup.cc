// spendsync-backup backup <type>
#include "cli/commands.h"

namespace spendsync::cli {

Result<int> run_backup(const Process& process, const BackupOptions& options) {
  auto type = parse_backup_type(options.type);
  if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
  switch (*type) {
    case BackupType::full:
      return run_full_backup(process, options);
    case BackupType::transaction_logs:
      return run_transaction_logs(process, options);
    case BackupType::incremental:
      break;
  }
  return Error(ErrorKind::invalid, "incremental backups are not part of this version")
      .with_hint("take a full backup: ./backup.sh full");
}

}  // namespace spendsync::cli
