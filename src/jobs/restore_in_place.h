// A restore in place: the server is stopped, its newest WAL saved, its data directory replaced, and it runs again.
#pragma once

#include <functional>

#include "jobs/restore_steps.h"

namespace spendsync::jobs {

struct InPlaceRequest {
  RestoreSelection selection{};
  bool delta = false;                      // the data directory is rewritten; else moved aside
  std::vector<std::string> tablespaces{};  // "OLD=NEW"
  std::optional<std::string> plan_id{};    // the plan that was approved; empty: any
  bool plan_only = false;

  /// Called with each plan before anything is done by it. Never empty.
  std::function<void(const restore::RestorePlan&)> planned;
  /// The last thing before the server is stopped: an error ends the restore with nothing changed. Never empty.
  std::function<Result<void>(const std::string& cluster, const std::string& data)> confirm;
};

struct InPlaceReport {
  std::string data_directory;
  std::optional<restore::RestorePlan> plan{};      // with `plan_only`: nothing was done
  std::optional<restore::RestoreReport> report{};  // empty: an earlier run had come to its end but for the start
  bool running = false;
  std::vector<std::string> saved_wal{};  // files of the old server's newest WAL, stored into the repository
  std::string moved_to{};                // the old data directory; empty: rewritten, or there was none
};

/// Needs a wiring that restores, and database.data_directory. A second run with the same request goes on with what an
/// interrupted one began. What was refused, or failed before anything was moved, leaves the server running if it ran
/// before; the message says what became of it.
/// Errors: refused (exit code 4) with nothing changed, 1 where something was; those of planning and restoring.
Result<InPlaceReport> restore_in_place(Wiring& wiring, const InPlaceRequest& request, Progress& progress);

}  // namespace spendsync::jobs
