// One function a command, each in a file of its own. They return the exit code, or the error that stands for one.
#pragma once

#include "cli/process.h"

namespace spendsync::cli {

Result<int> run_backup(const Process& process, const BackupOptions& options);
Result<int> run_database_backup(const Process& process, const BackupOptions& options, BackupType type);
Result<int> run_transaction_logs(const Process& process, const BackupOptions& options);
Result<int> run_cluster_adopt(const Process& process, const ClusterAdoptOptions& options);
Result<int> run_list(const Process& process, const ListOptions& options);
Result<int> run_restore(const Process& process, const RestoreOptions& options);
Result<int> run_export(const Process& process, const ExportOptions& options);
Result<int> run_verify(const Process& process, const VerifyOptions& options);
Result<int> run_expire(const Process& process, const ExpireOptions& options);
Result<int> run_pin(const Process& process, const PinOptions& options);
Result<int> run_unpin(const Process& process, const UnpinOptions& options);
Result<int> run_wal_push(const Process& process, const WalPushOptions& options);
/// Its exit codes are PostgreSQL's: 0, 1, or above 125.
int run_wal_get(const Process& process, const WalGetOptions& options);
Result<int> run_init(const Process& process, const InitOptions& options);
/// init --new-repository
Result<int> run_new_repository(const Process& process);
/// init --accept-rollback
Result<int> run_accept_rollback(const Process& process);
Result<int> run_check(const Process& process);
Result<int> run_status(const Process& process, const StatusOptions& options);
Result<int> run_keys_list(const Process& process);
Result<int> run_keys_rewrap(const Process& process, const KeysRewrapOptions& options);
Result<int> run_keys_kit(const Process& process, const KeysKitOptions& options);
Result<int> run_keys_import_kit(const Process& process, const KeysImportKitOptions& options);
Result<int> run_slot_drop(const Process& process);
Result<int> run_timeline_fork(const Process& process, const TimelineForkOptions& options);
Result<int> run_config_validate(const Process& process);
Result<int> run_config_show(const Process& process);
Result<int> run_config_schema(const Process& process);
Result<int> run_dr_test(const Process& process, const DrTestOptions& options);
Result<int> run_explain(const Process& process, const ExplainOptions& options);
/// These two print what is loaded or formatted elsewhere, so nothing else, with --json neither.
Result<int> run_completion(const CompletionOptions& options);
Result<int> run_man(const ManOptions& options);
Result<int> run_demo(const Process& process, const DemoOptions& options);

}  // namespace spendsync::cli
