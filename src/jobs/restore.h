// A restore beside what is there: planned, looked at by whoever asked, carried out.
#pragma once

#include "base/scratch_directory.h"
#include "jobs/restore_steps.h"

namespace spendsync::jobs {

struct RestoreJobRequest {
  RestoreSelection selection{};
  std::optional<std::string> target{};     // a data directory; empty: one below restore.target_directory
  bool delta = false;                      // `target` is rewritten
  std::vector<std::string> tablespaces{};  // "OLD=NEW"
  std::optional<std::string> plan_id{};    // the plan that was approved; empty: any
};

/// Needs a wiring that restores, as what follows does. Writes nothing.
/// Errors: those of parse_request, choose_restore and parse_tablespace_mapping.
Result<ChosenRestore> plan_restore(Wiring& wiring, const RestoreJobRequest& request);

/// Errors: refused where `plan_id` is another plan's; those of execute_restore and provide_restore_command.
Result<restore::RestoreReport> carry_out_restore(Wiring& wiring, const ChosenRestore& chosen,
                                                 const RestoreJobRequest& request, Progress& progress);

}  // namespace spendsync::jobs
