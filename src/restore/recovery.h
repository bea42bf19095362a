// Recovery of a restored data directory: a server of our own replays WAL up to the target, is promoted, and stops.
#pragma once

#include "base/progress.h"
#include "postgres/recovery_progress.h"
#include "restore/plan.h"
#include "restore/recovery_wait.h"
#include "restore/replay_limits.h"

namespace spendsync::restore {

/// restore_command for this program: quoted for the shell, with '%' doubled where PostgreSQL would take it for a
/// placeholder. `plan` is relative to the data directory.
struct RestoreCommand {
  std::string program;        // absolute
  std::string configuration;  // absolute
  std::string plan = repository::kWalPlanFile;
  std::vector<std::string> options = {};  // that go before the command: where `wal get` finds keys
};
std::string restore_command(const RestoreCommand& command);

/// What keeps the copy to itself, and what replay needs: `limits` over the backup's own settings.
std::map<std::string, std::string> recovery_server_settings(const repository::ManifestSummary& backup,
                                                            int major_version, const ReplayLimits& limits);

struct RecoveryResult {
  TimelineId timeline;                   // the new one
  std::optional<Timestamp> last_commit;  // the last commit recovered, by its own time
  Lsn replayed_until;
  std::string stopped_because;        // the server's own words, short
  std::vector<std::string> unusable;  // databases and tablespaces that cannot be opened, a line each
  std::string unchecked;              // why that could not be looked at; empty: it was
  std::chrono::nanoseconds duration{0};
};

class Recovery {
 public:
  struct Settings {
    std::string bin_directory;
    RestoreCommand command;
    ReplayLimits limits = {};
    unsigned fetchers = 2;
    std::chrono::seconds stop_timeout{3600};  // for the shutdown checkpoint
  };
  Recovery(Settings settings, const RestorePlan& plan, repository::WalArchive& archive, const Clock& clock, Log& log,
           Progress& progress)
      : settings_(std::move(settings)), plan_(plan), archive_(archive), clock_(clock), log_(log), progress_(progress) {}

  /// Leaves a data directory that is cleanly shut down, on a new timeline, without signal files, maps or plan.
  /// `directory` (0700, exists) takes the WAL window, the generated configuration, the log and, where its path is
  /// short enough, the socket; the caller removes it. Its log stays there when recovery fails.
  /// A wait is told in the log within a minute, and is no error: one record may take long. Errors: those of the server,
  /// with its last FATAL message; internal when the server has paused, with its reason; not_found when the target was
  /// not reached; corrupt when recovery ended before WAL that the plan holds.
  Result<RecoveryResult> run(const std::string& directory, std::stop_token stop);

 private:
  struct Server;
  Result<void> write_configuration(const std::string& directory) const;
  std::vector<SegmentName> segments_to_fetch() const;
  Result<RecoveryResult> follow(Server& server, std::stop_token stop);
  Error why_ended(Error error) const;
  Error paused(const Server& server, Lsn replayed) const;
  void tell_wait(const Server& server, Lsn replayed);
  void show(const postgres::RecoveryProgress& progress);
  void report(const postgres::RecoveryProgress& progress);
  Result<void> check_result(const RecoveryResult& result, const postgres::RecoveryOutcome& outcome) const;
  Result<void> clean_up() const;

  Settings settings_;
  const RestorePlan& plan_;
  repository::WalArchive& archive_;
  const Clock& clock_;
  Log& log_;
  Progress& progress_;
  uint64_t shown_bytes_ = 0;
  std::chrono::nanoseconds follow_begun_{0};
  std::chrono::nanoseconds next_report_{0};
  RecoveryWait wait_;
};

}  // namespace spendsync::restore
