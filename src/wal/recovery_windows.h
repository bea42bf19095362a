// What can be restored: from which backup, on which timeline, from when until when.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "wal/backup_inventory.h"
#include "wal/coverage.h"

namespace spendsync::wal {

/// A stretch of time that can be restored from one backup on one timeline.
struct RecoveryWindow {
  const repository::ManifestSummary* backup = nullptr;
  TimelineId timeline;
  Timestamp from;                                // the backup's end, or the fork where that is later
  Timestamp until;                               // the last moment that is covered
  Lsn end;                                       // of gapless WAL
  std::optional<SegmentName> missing;            // later WAL of this timeline exists, behind this segment
  std::optional<repository::WalBreak> broken{};  // what follows was written by another history
};

/// The windows of an inventory. One thread. All it is given outlives it, and so do the backups that windows point to.
/// WAL may be listed anew into the coverage between two calls: each answers by what is there then.
class RecoveryWindows {
 public:
  RecoveryWindows(const BackupInventory& backups, WalCoverage& wal, std::stop_token stop)
      : backups_(backups), wal_(wal), stop_(std::move(stop)) {}

  /// By backup and timeline. Errors: cancelled; those of reading summaries of WAL.
  Result<std::vector<RecoveryWindow>> all();
  /// Of one backup (of the inventory) on one timeline. Empty: it does not lead there. Errors: as all().
  Result<std::optional<RecoveryWindow>> of(const repository::ManifestSummary& backup, TimelineId timeline);

  /// The window that reaches furthest, which --latest takes; nullptr where there is none. On one way the position says
  /// which that is, since hosts' clocks differ; of ways that have parted, the time.
  const RecoveryWindow* furthest(const std::vector<RecoveryWindow>& windows) const;

  /// What a readable record states, or later WAL proves, and `best` does not reach: later than its end, in one line
  /// with the object that is missing. nullopt: `best` leads to the latest that anything here speaks of; with
  /// `on_its_way`, anything on the way that `best` goes.
  std::optional<std::string> stated_beyond(const RecoveryWindow& best, const std::vector<RecoveryWindow>& windows,
                                           bool on_its_way = false) const;
  /// The part of stated_beyond() that records state.
  std::optional<std::string> stated_by_records(const RecoveryWindow& best, const std::vector<RecoveryWindow>& windows,
                                               bool on_its_way) const;

  /// A segment that is missing although later ones of the way to this timeline are there.
  struct Gap {
    SegmentName missing;
    TimelineId towards;
  };
  /// The gap that `best` ends at, or behind which a timeline begins that `best` would lead to; with `on_its_way`, only
  /// the former.
  std::optional<Gap> gap_behind(const RecoveryWindow& best, bool on_its_way) const;
  /// Number of the last segment on the way to a timeline that is there; zero when none is.
  uint64_t last_there(TimelineId towards) const;
  /// Whether every segment from the gap to the next that is there lies in one of `runs`.
  bool is_gap_within(const Gap& gap, const std::vector<SegmentRun>& runs) const;

 private:
  Result<Timestamp> covered_until(const repository::ManifestSummary& backup, const WalPath& path, Lsn end);
  std::string missing_piece(const RecoveryWindow& best, WalPosition stated) const;

  const BackupInventory& backups_;
  WalCoverage& wal_;
  std::stop_token stop_;
};

}  // namespace spendsync::wal
