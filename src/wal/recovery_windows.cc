#include "wal/recovery_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/time.h"

namespace spendsync::wal {

using repository::ManifestSummary;

namespace {

/// How far a record says that WAL is stored.
struct StatedEnd {
  std::string record;  // label
  WalPosition end;
  Timestamp moment;  // every commit before it lies before `end`
};

std::vector<StatedEnd> stated_ends(const BackupInventory& backups) {
  std::vector<StatedEnd> ends;
  for (const auto& log : backups.logs) {
    if (log.ranges.empty()) continue;
    const auto& last = log.ranges.back();
    ends.push_back({log.label.text(), {last.timeline, last.to}, log.covered_until});
  }
  for (const auto& backup : backups.backups) ends.push_back({backup.label.text(), backup.stop, backup.stopped});
  return ends;
}

}  // namespace

// ---- the windows

Result<Timestamp> RecoveryWindows::covered_until(const ManifestSummary& backup, const WalPath& path, Lsn end) {
  Timestamp until = backup.stopped;
  auto commit = TRY(wal_.last_commit(path, backup.stop.lsn, end));
  if (commit) until = std::max(until, commit->time);
  for (const auto& record : backups_.logs) {
    if (record.ranges.empty()) continue;
    const auto& last = record.ranges.back();
    if (last.to <= end && last.to >= backup.stop.lsn && path.history().contains({last.timeline, last.to})) {
      until = std::max(until, record.covered_until);
    }
  }
  for (const auto& other : backups_.backups) {
    // Whoever ended later on the same path has proved that no commit was left out up to its own end.
    if (other.stop.lsn <= end && other.stop.lsn >= backup.stop.lsn && path.history().contains(other.stop)) {
      until = std::max(until, other.stopped);
    }
  }
  return until;
}

Result<std::optional<RecoveryWindow>> RecoveryWindows::of(const ManifestSummary& backup, TimelineId timeline) {
  std::optional<RecoveryWindow> nothing;
  auto path = wal_.path_to(timeline);
  if (!path.history().contains(backup.stop)) return nothing;
  auto reach = wal_.reach(path, backup.stop.lsn);
  bool own = backup.stop.timeline == timeline;
  if (!own && reach.end <= path.fork()) return nothing;
  RecoveryWindow window{&backup,       timeline,    backup.stopped, {}, std::max(reach.end, backup.stop.lsn),
                        reach.missing, reach.broken};
  if (!own) {
    auto before_fork = TRY(wal_.last_commit(path, backup.stop.lsn, path.fork()));
    if (before_fork) window.from = std::max(window.from, before_fork->time);
  }
  window.until = TRY(covered_until(backup, path, window.end));
  return std::optional<RecoveryWindow>(window);
}

Result<std::vector<RecoveryWindow>> RecoveryWindows::all() {
  std::vector<RecoveryWindow> result;
  auto timelines = wal_.timelines();
  for (const auto& backup : backups_.backups) {
    if (std::ranges::find(timelines, backup.stop.timeline) == timelines.end())
      timelines.push_back(backup.stop.timeline);
  }
  for (const auto& backup : backups_.backups) {
    for (TimelineId timeline : timelines) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while looking at WAL");
      auto found = TRY(of(backup, timeline));
      if (found) result.push_back(*found);
    }
  }
  return result;
}

// ---- the one that reaches furthest, and what lies beyond it

const RecoveryWindow* RecoveryWindows::furthest(const std::vector<RecoveryWindow>& windows) const {
  auto goes_on_behind = [&](const RecoveryWindow& a, const RecoveryWindow& b) {
    return a.end > b.end && wal_.path_to(a.timeline).history().contains({b.timeline, b.end});
  };
  auto reach = [](const RecoveryWindow& w) { return std::tuple(w.until, w.end, w.timeline, w.backup->stopped); };
  const RecoveryWindow* best = nullptr;
  for (const auto& window : windows) {
    if (best != nullptr && goes_on_behind(*best, window)) continue;
    if (best == nullptr || goes_on_behind(window, *best) || reach(*best) < reach(window)) best = &window;
  }
  return best;
}

/// The first object on the way to `stated` that is not there.
std::string RecoveryWindows::missing_piece(const RecoveryWindow& best, WalPosition stated) const {
  auto path = wal_.path_to(stated.timeline);
  if (!path.history().contains(best.backup->stop)) {
    return fmt::format("{:08X}.history is not there, or does not lead from {}", stated.timeline.value,
                       best.backup->label.text());
  }
  auto reach = wal_.reach(path, best.backup->stop.lsn);
  if (reach.broken) return reach.broken->describe(wal_.segment_size());
  auto next = path.at(reach.end.value / wal_.segment_size());
  return fmt::format("WAL segment {} is not there", next.file_name(wal_.segment_size()));
}

/// What follows a gap may have been written on a timeline that begins behind it: no window leads there.
std::optional<RecoveryWindows::Gap> RecoveryWindows::gap_behind(const RecoveryWindow& best, bool on_its_way) const {
  if (best.missing) return Gap{*best.missing, best.timeline};
  if (best.broken || on_its_way) return std::nullopt;
  for (auto timeline : wal_.timelines()) {
    const auto path = wal_.path_to(timeline);
    if (timeline == best.timeline || !path.contains(best.backup->stop) || !path.contains({best.timeline, best.end})) {
      continue;
    }
    const auto reach = wal_.reach(path, best.backup->stop.lsn);
    if (reach.missing && reach.end <= best.end) return Gap{*reach.missing, timeline};
  }
  return std::nullopt;
}

std::optional<std::string> RecoveryWindows::stated_beyond(const RecoveryWindow& best,
                                                          const std::vector<RecoveryWindow>& windows,
                                                          bool on_its_way) const {
  if (best.broken) return best.broken->describe(wal_.segment_size());
  if (auto gap = gap_behind(best, on_its_way)) {
    return fmt::format("WAL segment {} is missing although later ones are there",
                       gap->missing.file_name(wal_.segment_size()));
  }
  return stated_by_records(best, windows, on_its_way);
}

std::optional<std::string> RecoveryWindows::stated_by_records(const RecoveryWindow& best,
                                                              const std::vector<RecoveryWindow>& windows,
                                                              bool on_its_way) const {
  auto leads_to = [&](const RecoveryWindow& window, WalPosition position) {
    return window.end >= position.lsn && wal_.path_to(window.timeline).history().contains(position);
  };
  const auto way = wal_.path_to(best.timeline);
  std::optional<StatedEnd> latest;
  for (auto& stated : stated_ends(backups_)) {
    // A branch that was left behind by a recovery to an earlier moment ends before the moment that `best` reaches.
    const bool on_way = way.history().contains(stated.end);
    const bool later = on_way ? stated.end.lsn > best.end : !on_its_way && stated.moment > best.until;
    if (!later || std::ranges::any_of(windows, [&](const auto& window) { return leads_to(window, stated.end); })) {
      continue;
    }
    if (!latest || latest->moment < stated.moment) latest = std::move(stated);
  }
  if (!latest) return std::nullopt;
  return fmt::format("{} states WAL up to {} on timeline {} ({}), but {}", latest->record, latest->end.lsn.to_string(),
                     latest->end.timeline.value, format_utc(latest->moment), missing_piece(best, latest->end));
}

uint64_t RecoveryWindows::last_there(TimelineId towards) const {
  const auto path = wal_.path_to(towards);
  uint64_t last = 0;
  for (const auto& [timeline, runs] : wal_.inventory().segments) {
    for (const auto& run : runs) {
      if (path.at(run.last.number) == run.last) last = std::max(last, run.last.number);
    }
  }
  return last;
}

bool RecoveryWindows::is_gap_within(const Gap& gap, const std::vector<SegmentRun>& runs) const {
  const auto path = wal_.path_to(gap.towards);
  auto is_there = [&](SegmentName name) {
    const auto stored = wal_.inventory().segments.find(name.timeline);
    return stored != wal_.inventory().segments.end() &&
           std::ranges::any_of(stored->second, [&](const auto& run) { return run.contains(name); });
  };
  const uint64_t last = last_there(gap.towards);
  for (uint64_t number = gap.missing.number; number <= last && !is_there(path.at(number)); ++number) {
    if (!std::ranges::any_of(runs, [&](const auto& run) { return run.contains(path.at(number)); })) return false;
  }
  return true;
}

}  // namespace spendsync::wal
