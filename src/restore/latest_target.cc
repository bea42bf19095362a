// restore --latest: the end of what there is, if that is the end of what there should be.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/condition.h"
#include "restore/target_resolution.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

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

const RecoveryWindow* TargetResolution::furthest(const std::vector<RecoveryWindow>& windows) const {
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
std::string TargetResolution::missing_piece(const RecoveryWindow& best, WalPosition stated) const {
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

std::optional<std::string> TargetResolution::stated_beyond(const RecoveryWindow& best,
                                                           const std::vector<RecoveryWindow>& windows,
                                                           bool on_its_way) {
  if (best.broken) return best.broken->describe(wal_.segment_size());
  if (best.missing) {
    return fmt::format("WAL segment {} is missing although later ones are there",
                       best.missing->file_name(wal_.segment_size()));
  }
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

Result<void> TargetResolution::expect_latest(const RestoreRequest& request, const RecoveryWindow& best,
                                             const std::vector<RecoveryWindow>& windows) {
  // Whoever names a timeline or a backup has chosen the way: where another one ends says nothing of it.
  const bool only_its_way = request.timeline || request.label || request.day;
  std::optional<std::string> why = stated_beyond(best, windows, only_its_way);
  const auto& other = backups_.went_back;
  if (!why && other && other->condition() == Condition::repository_went_back) why = other->message();
  if (!why) return ok();
  const auto reached = fmt::format("{}: what was committed after {} cannot be reached", *why, moment(best.until));
  if (request.up_to_what_is_there) {
    warnings_.push_back(reached);
    return ok();
  }
  return Error(ErrorKind::refused, "the latest is not there: " + reached)
      .with_condition(Condition::latest_not_there)
      .with_hint("bring back what is missing; to restore without it, say --up-to-what-is-there too");
}

Result<ResolvedTarget> TargetResolution::latest(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(usable_windows(request, fixed));
  const auto* best = furthest(all);
  TRY(expect_latest(request, *best, all));
  ResolvedTarget target(*best->backup);
  target.recovery.kind = RecoveryTarget::Kind::end_of_wal;
  target.recovery.timeline = best->timeline;
  auto path = wal_.path_to(best->timeline);
  target.last_commit = TRY(wal_.last_commit(path, best->backup->stop.lsn, best->end));
  target.reached = best->until;
  target.needed_until = best->end;
  target.limit = best->end;
  for (const auto& window : all) {
    if (window.timeline == best->timeline || window.until <= best->from) continue;
    if (path.history().contains({window.timeline, window.end})) continue;
    warnings_.push_back(fmt::format("timeline {} also holds commits, up to {}: --target-timeline {}",
                                    window.timeline.value, moment(window.until), window.timeline.value));
    break;
  }
  return target;
}

}  // namespace spendsync::restore
