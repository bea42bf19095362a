// What restoring beside, restoring in place and recovering into a sandbox have in common.
#pragma once

#include "cli/commands.h"
#include "crypto/key_broker.h"
#include "restore/restore.h"

namespace spendsync::cli {

/// What the selecting options ask for, in words.
restore::RequestWords request_words(const RestoreOptions& options);

struct ChosenRestore {
  std::unique_ptr<repository::Repository> repository;
  restore::RestorePlan plan;
};
/// The present server's backups serve first; where they cannot, those of the servers it has adopted.
/// Errors: those of prepare_restore.
Result<ChosenRestore> choose_restore(const Process& process, Wiring& wiring, const RestoreOptions& options,
                                     const restore::RestoreRequest& request, const restore::PrepareSettings& prepare);

/// `program` runs as restore_command.
Result<restore::ExecuteSettings> execute_settings(const Wiring& wiring, const RestoreOptions& options,
                                                  const std::string& program);
restore::PrepareSettings prepare_settings(const Wiring& wiring);
void print_plan(const Process& process, const restore::RestorePlan& plan, const TimeZone& zone);
/// Holds the restore to what was approved. Errors: refused when the plan made now has another id than --plan-id says.
Result<void> check_plan_id(const RestoreOptions& options, const restore::RestorePlan& plan);
/// The report for people, and `fields` as the summary of `command`. Returns the exit code.
int print_report(const Process& process, const restore::RestoreReport& report, const TimeZone& zone, Json fields,
                 const std::string& command = "restore");

/// With --escrow-key, arranges in `settings` that `wal get` can open WAL: from this process, which lends keys over a
/// socket in `directory` while the returned broker lives, or with --no-start from the key's file. Null without one.
/// Errors: refused for --no-start with a passphrase that was typed.
Result<std::unique_ptr<crypto::KeyBroker>> provide_escrow_key(const Process& process, Wiring& wiring,
                                                              const RestoreOptions& options,
                                                              const std::string& directory,
                                                              restore::ExecuteSettings& settings);
/// What `status` measures by. Never an error: a restore that succeeded has succeeded.
void remember_duration(const Process& process, const Wiring& wiring, const restore::RestorePlan& plan,
                       const restore::RestoreReport& report);

/// restore --in-place. Needs database.data_directory.
Result<int> run_restore_in_place(const Process& process, Wiring& wiring, const RestoreOptions& options,
                                 const restore::RestoreRequest& request);

}  // namespace spendsync::cli
