// spendsync-backup backup <type>
#include "cli/commands.h"

namespace spendsync::cli {

Result<int> run_backup(const Process& process, const BackupOptions& options) {
  auto type = parse_backup_type(options.type);
  if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
  if (*type == BackupType::transaction_logs) return run_transaction_logs(process, options);
  return run_database_backup(process, options, *type);
}

}  // namespace spendsync::cli
