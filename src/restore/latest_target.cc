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

/// Where none was named, retention keeps what the latest needs.
bool is_backup_named(const RestoreRequest& request) { return request.label || request.day; }

/// Whoever names a timeline or a backup has chosen the way: where another one ends says nothing of it.
bool is_way_chosen(const RestoreRequest& request) { return request.timeline || is_backup_named(request); }

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

/// What follows a gap may have been written on a timeline that begins behind it: no window leads there.
std::optional<TargetResolution::Gap> TargetResolution::gap_behind(const RecoveryWindow& best, bool on_its_way) const {
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

std::optional<std::string> TargetResolution::stated_beyond(const RecoveryWindow& best,
                                                           const std::vector<RecoveryWindow>& windows,
                                                           bool on_its_way) {
  if (best.broken) return best.broken->describe(wal_.segment_size());
  if (auto gap = gap_behind(best, on_its_way)) {
    return fmt::format("WAL segment {} is missing although later ones are there",
                       gap->missing.file_name(wal_.segment_size()));
  }
  return stated_by_records(best, windows, on_its_way);
}

std::optional<std::string> TargetResolution::stated_by_records(const RecoveryWindow& best,
                                                               const std::vector<RecoveryWindow>& windows,
                                                               bool on_its_way) {
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
  auto reached = [&](const std::string& why) {
    return fmt::format("{}: what was committed after {} cannot be reached", why, moment(best.until));
  };
  std::optional<std::string> why = stated_beyond(best, windows, is_way_chosen(request));
  const auto gap = gap_behind(best, is_way_chosen(request));
  const bool expired = gap && is_backup_named(request) && TRY(is_expired(*gap));
  if (gap && upload_went_on_) {
    warnings_.push_back("an upload is under way: " + reached(*why));
    why = stated_by_records(best, windows, is_way_chosen(request));
  } else if (expired) {
    warnings_.push_back("the WAL behind this backup has expired: " + reached(*why));
    why.reset();
  }
  const auto& other = backups_.went_back;
  if (!why && other && other->condition() == Condition::repository_went_back) why = other->message();
  if (!why) return ok();
  if (request.up_to_what_is_there) {
    warnings_.push_back(reached(*why));
    return ok();
  }
  return Error(ErrorKind::refused, "the latest is not there: " + reached(*why))
      .with_condition(Condition::latest_not_there)
      .with_hint(gap ? "an upload may be under way: then the same command succeeds when it has ended; else bring back "
                       "what is missing; to restore without it, say --up-to-what-is-there too"
                     : "bring back what is missing; to restore without it, say --up-to-what-is-there too");
}

/// The last segment on the way to a timeline that is there.
uint64_t TargetResolution::last_there(TimelineId towards) const {
  const auto path = wal_.path_to(towards);
  uint64_t last = 0;
  for (const auto& [timeline, runs] : wal_.inventory().segments) {
    for (const auto& run : runs) {
      if (path.at(run.last.number) == run.last) last = std::max(last, run.last.number);
    }
  }
  return last;
}

/// Whether expiry has written of every segment from the gap to the next that is there that it removed it.
Result<bool> TargetResolution::is_expired(const Gap& gap) const {
  if (!settings_.expired_wal) return false;
  const auto path = wal_.path_to(gap.towards);
  const auto expired = TRY(settings_.expired_wal());
  auto is_there = [&](SegmentName name) {
    const auto runs = wal_.inventory().segments.find(name.timeline);
    return runs != wal_.inventory().segments.end() &&
           std::ranges::any_of(runs->second, [&](const auto& run) { return run.contains(name); });
  };
  const uint64_t last = last_there(gap.towards);
  for (uint64_t number = gap.missing.number; number <= last && !is_there(path.at(number)); ++number) {
    if (!std::ranges::any_of(expired, [&](const auto& run) { return run.contains(path.at(number)); })) return false;
  }
  return true;
}

/// What is missing while an upload is under way is there a moment later. All that was there at the first look has to be
/// reached; where the order is broken only behind that by then, the upload is going on.
Result<std::vector<RecoveryWindow>> TargetResolution::windows_after_uploads(const RestoreRequest& request,
                                                                            const Summary* fixed) {
  constexpr int kLooks = 10;
  upload_went_on_ = false;
  const auto warned = warnings_.size();
  auto all = TRY(usable_windows(request, fixed));
  auto gap = gap_behind(*furthest(all), is_way_chosen(request));
  if (!gap || !settings_.look_again || request.up_to_what_is_there) return all;
  if (is_backup_named(request) && TRY(is_expired(*gap))) return all;
  const uint64_t last_seen = last_there(gap->towards);
  for (int look = 0; look < kLooks && gap && !upload_went_on_; ++look) {
    TRY(settings_.look_again());
    warnings_.resize(warned);  // said anew
    all = TRY(usable_windows(request, fixed));
    gap = gap_behind(*furthest(all), is_way_chosen(request));
    upload_went_on_ = gap && gap->missing.number > last_seen;
  }
  return all;
}

Result<ResolvedTarget> TargetResolution::latest(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(windows_after_uploads(request, fixed));
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
