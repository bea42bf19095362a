// What restoring beside, restoring in place, exporting and recovering into a sandbox have in common.
#pragma once

#include "crypto/key_broker.h"
#include "jobs/wiring.h"
#include "restore/restore.h"

namespace spendsync::jobs {

/// What is restored, to which moment, and with how much of the machine.
struct RestoreSelection {
  restore::RequestWords words{};
  std::optional<std::string> system_identifier{};  // of the server whose backups are meant; empty: see choose_restore
  std::optional<unsigned> workers{};               // empty: `workers` of the configuration, else by the cores
};

struct ChosenRestore {
  std::unique_ptr<repository::Repository> repository;
  restore::RestorePlan plan;
};
/// The present server's backups serve first; where they cannot, those of the servers it has adopted (a remark says
/// so). Errors: those of prepare_restore.
Result<ChosenRestore> choose_restore(Wiring& wiring, const RestoreSelection& selection,
                                     const restore::RestoreRequest& request, const restore::PrepareSettings& prepare);

restore::PrepareSettings prepare_settings(const Wiring& wiring);

/// A directory of this restore's alone, with the path under which the recovering server can run this program as
/// restore_command, and with what opens WAL for it. All of it must outlive the restore.
struct RestoreCommand {
  std::string program;
  std::vector<std::string> options;           // of the program
  std::unique_ptr<crypto::KeyBroker> broker;  // lends a brought escrow key over a socket; null: none is needed
};
/// With --no-start the server recovers later, when nobody lends anything: the key's file is then named.
/// `directory` is the running user's own and short enough for a socket's path. Errors: refused for `later` with a
/// passphrase that was typed; those of copying the program.
Result<RestoreCommand> provide_restore_command(Wiring& wiring, const std::string& directory, bool later);

Result<restore::ExecuteSettings> execute_settings(const Wiring& wiring, const RestoreSelection& selection,
                                                  const RestoreCommand& command);

/// Holds a restore to what was approved. Errors: refused when the plan made now has another id than `approved`.
Result<void> expect_plan(const std::optional<std::string>& approved, const restore::RestorePlan& plan);

/// What `status` measures by. Never an error: a restore that succeeded has succeeded.
void remember_duration(const Wiring& wiring, const restore::RestorePlan& plan, const restore::RestoreReport& report);

}  // namespace spendsync::jobs
