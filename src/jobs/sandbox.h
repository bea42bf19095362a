// A sandbox of a job's: where it lies, who opens WAL in it, and the recovery itself.
#pragma once

#include "jobs/restore_steps.h"
#include "restore/recovered_cluster.h"

namespace spendsync::jobs {

struct SandboxSettings {
  std::optional<std::string> work_directory;  // else restore.target_directory
  bool make_configuration = false;            // see restore::ExecuteSettings
};

/// A recovered copy and what it stands on; gone when this goes.
struct Sandbox {
  std::unique_ptr<restore::SandboxDirectory> directory;
  std::unique_ptr<repository::Repository> repository;
  restore::RestorePlan plan;
  std::optional<restore::RecoveredCluster> cluster;  // none before recover_in()
};

/// Where sandboxes are made: `asked`, else restore.target_directory. Absolute, normalized; it need not be there.
/// Errors: those of normalize_target and check_surroundings.
Result<std::string> work_directory(Wiring& wiring, const std::optional<std::string>& asked);
/// Chooses and plans, and writes nothing but the empty directory.
/// Errors: those of SandboxDirectory, prepare_restore and check_space.
Result<Sandbox> plan_sandbox(Wiring& wiring, const RestoreSelection& selection, const SandboxSettings& settings);
/// Restores and recovers. Errors: those of execute_restore.
Result<void> recover_in(Sandbox& sandbox, Wiring& wiring, const RestoreSelection& selection,
                        const SandboxSettings& settings, Progress& progress);

/// Roles that may exist in the copy: the one that backups connect as.
std::vector<std::string> known_roles(const Wiring& wiring);

}  // namespace spendsync::jobs
