// Restore: prepare (decide and tell), then execute.
#pragma once

#include <functional>

#include "restore/data_restore.h"
#include "restore/recovery.h"

namespace spendsync::restore {

struct PrepareSettings {
  TimeZone zone = TimeZone::utc();
  std::optional<std::string> target;  // the data directory itself, as asked for
  std::string target_directory;       // where restores go otherwise
  std::vector<TablespaceMapping> tablespaces = {};
  Existing existing = Existing::refused;
  bool in_place = false;                     // `target` is the original place
  std::optional<std::string> original = {};  // the source's own data directory, where that is known
  std::string aside = {};                    // directory with WAL that the repository could not take; empty: none
  /// pg_wal of the server that is to be replaced, which may run: what the repository lacks of it is counted on, since
  /// it is saved before anything else is done. Empty: none.
  std::string server_wal = {};
};

/// Reads the catalog and the WAL's listing, resolves the request, and plans. Changes nothing.
/// Errors: those of target_resolution.h; refused when the source's own directory is to be rewritten, by whatever path
/// it is called, but not in place, when anywhere but in place recovery would make a tablespace where it lay, and when
/// a place lies in the repository or in a server's files, or holds the repository.
Result<RestorePlan> prepare_restore(repository::Repository& repository, const RestoreRequest& request,
                                    const PrepareSettings& settings, std::stop_token stop);

struct RestoreReport {
  std::string plan_id;
  std::string backup;  // label
  Scope scope = Scope::everything;
  Ending ending = Ending::stopped;
  std::string data_directory;   // empty: not restored
  std::string files_directory;  // empty: not restored
  std::vector<PlannedTablespace> tablespaces;
  DataStats data;
  std::optional<RecoveryResult> recovery;
  ReplayLimits limits;  // what a server that opens the data directory should have
  std::string target;   // in words
  Timestamp reached;
  std::string start_command;  // how to open it
  bool running = false;
  std::chrono::nanoseconds files_duration{0};
  std::chrono::nanoseconds duration{0};
  std::vector<std::string> notes;     // what somebody should know before using it
  std::vector<std::string> missing;   // asked for, and not in the backup; empty: complete
  std::vector<std::string> unusable;  // in the recovered cluster, see RecoveryResult; empty: everything can be opened
  bool complete() const { return missing.empty() && unusable.empty(); }
};
std::vector<std::string> to_lines(const RestoreReport& report, const TimeZone& zone);
Json to_json(const RestoreReport& report, const TimeZone& zone);

struct ExecuteSettings {
  unsigned workers = 1;
  std::string program;                            // absolute: runs `wal get`
  std::string configuration;                      // absolute
  std::string bin_directory;                      // of PostgreSQL, as configured; empty: looked for
  std::vector<std::string> program_options = {};  // for `wal get`: where it finds keys
  bool make_configuration = true;                 // see DataRestore::Settings
  /// The last step before the target is given up: what an in-place restore does with the captured files. Lines for
  /// the report.
  std::function<Result<std::vector<std::string>>()> put_back = {};
};

/// What execute_restore would refuse, as far as it can be found out without changing anything. A server that runs at
/// the original place is none of it. Errors: refused; not_found without PostgreSQL's programs.
Result<void> check_restore(repository::Repository& repository, const RestorePlan& plan, const ExecuteSettings& settings,
                           Progress& progress, std::stop_token stop);

/// Does what the plan says. Runs as the owner of the new directory; a server refuses root.
/// Errors: refused (space, target) before anything was written; afterwards the target keeps its unfinished marker, and
/// the same restore takes it up again.
Result<RestoreReport> execute_restore(repository::Repository& repository, const RestorePlan& plan,
                                      const ExecuteSettings& settings, Progress& progress, std::stop_token stop);

}  // namespace spendsync::restore
