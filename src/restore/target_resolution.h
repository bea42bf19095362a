// From what somebody asked for to a backup, a timeline and a recovery target that PostgreSQL can reach.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "postgres/recovery_settings.h"
#include "restore/request.h"
#include "wal/recovery_windows.h"

namespace spendsync::restore {

/// What a restore will do in terms of WAL. Value type.
struct ResolvedTarget {
  explicit ResolvedTarget(repository::ManifestSummary summary) : backup(std::move(summary)) {}
  repository::ManifestSummary backup;
  postgres::RecoveryTarget recovery;                   // its timeline is where recovery goes to
  std::optional<Timestamp> asked;                      // the moment asked for, where there was one
  std::optional<repository::CommitPoint> last_commit;  // expected to be the last one recovered; empty: none after the
                                                       // backup's end, or not known before recovery
  Timestamp reached;                                   // the state restored is that of this moment
  Lsn needed_until;                                    // recovery reads WAL from the backup's start to here
  Lsn limit;                                           // WAL beyond is no part of the plan
  std::vector<std::string> warnings;
};

/// One resolution. One thread. All it is given outlives it.
class TargetResolution {
 public:
  struct Settings {
    TimeZone zone = TimeZone::utc();
    /// Waits a moment and lists the WAL anew into the coverage: segments are uploaded in parallel, so that for a moment
    /// a later one is there before the one that it follows. Asked a few times at most. Empty: there is only one look.
    std::function<Result<void>()> look_again = {};
    /// Segments that expiry has removed on purpose. Empty: none.
    std::function<Result<std::vector<SegmentRun>>()> expired_wal = {};
  };
  TargetResolution(Settings settings, const wal::BackupInventory& backups, wal::WalCoverage& wal, std::stop_token stop)
      : settings_(std::move(settings)),
        backups_(backups),
        wal_(wal),
        windows_(backups, wal, stop),
        stop_(std::move(stop)) {}

  /// A moment becomes a position: behind the last commit (or what was prepared after it) before the first commit that
  /// is later, never before the backup's end. Where the clock went back (commits that are not later follow the first
  /// later one), a warning has both places; search_time says what is looked at. Errors: not_found when no such backup
  /// exists or the target lies outside what is covered (the hint names the nearest restorable moments); refused when it
  /// exists on two timelines (both shown), for --latest where something states more than what is there, and for a
  /// position whose record completes nothing until the request says on which side of it to stop; invalid; corrupt when
  /// the records of what was asked for cannot be read.
  Result<ResolvedTarget> resolve(const RestoreRequest& request);

 private:
  struct Candidate;
  using Summary = repository::ManifestSummary;

  Result<ResolvedTarget> resolve_base(const RestoreRequest& request, const Summary* fixed);
  Result<ResolvedTarget> own_end(const Summary& backup) const;
  Result<ResolvedTarget> at_time(const RestoreRequest& request, const Summary* fixed, Timestamp time);
  Result<ResolvedTarget> last_of_day(const RestoreRequest& request, const Summary* fixed);
  Result<ResolvedTarget> latest(const RestoreRequest& request, const Summary* fixed);
  Result<void> expect_latest(const RestoreRequest& request, const wal::RecoveryWindow& best,
                             const std::vector<wal::RecoveryWindow>& windows);
  Result<bool> is_expired(const wal::RecoveryWindows::Gap& gap) const;
  Result<std::vector<wal::RecoveryWindow>> windows_after_uploads(const RestoreRequest& request, const Summary* fixed);
  Result<ResolvedTarget> at_lsn(const RestoreRequest& request, const Summary* fixed);
  Result<ResolvedTarget> at_record(const RestoreRequest& request, const wal::RecoveryWindow& window);
  Result<ResolvedTarget> at_event(const RestoreRequest& request, const Summary* fixed);
  Result<ResolvedTarget> logs_of(const RestoreRequest& request);
  Result<ResolvedTarget> end_of_log(const repository::LogRecord& record);

  Result<const Summary*> find_backup(const RestoreRequest& request);
  Result<const repository::LogRecord*> find_log(const RestoreRequest& request) const;
  bool is_asked(const repository::Label& label, const RestoreRequest& request) const;

  bool is_damaged(const Summary& backup) const { return backups_.damaged.contains(backup.label); }
  bool is_better(const Summary& candidate, const Summary& than) const;
  void pass_over_damaged(std::vector<wal::RecoveryWindow>& windows);
  Result<std::vector<wal::RecoveryWindow>> usable_windows(const RestoreRequest& request, const Summary* fixed);
  Result<Candidate> candidate(const wal::RecoveryWindow& window, Timestamp time);
  Result<ResolvedTarget> stop_after(const wal::RecoveryWindow& window,
                                    const wal::WalCoverage::TimeSearch& search) const;
  Result<Candidate> choose(std::vector<Candidate> candidates, const std::string& what) const;
  Error leads_nowhere(const RestoreRequest& request, const Summary* fixed);
  Error outside(Timestamp time, const std::vector<wal::RecoveryWindow>& windows) const;
  std::string moment(Timestamp time) const;
  void warn_about_unreadable(ResolvedTarget& target) const;

  Settings settings_;
  const wal::BackupInventory& backups_;
  wal::WalCoverage& wal_;
  wal::RecoveryWindows windows_;
  std::stop_token stop_;
  std::vector<std::string> warnings_;
  bool upload_went_on_ = false;  // what is missing now lies behind all that was there at the first look
};

}  // namespace spendsync::restore
