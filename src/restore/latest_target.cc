// restore --latest: the end of what there is, if that is the end of what there should be.
#include <fmt/format.h>

#include "base/condition.h"
#include "restore/target_resolution.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

namespace {

/// Where none was named, retention keeps what the latest needs.
bool is_backup_named(const RestoreRequest& request) { return request.label || request.day; }

/// Whoever names a timeline or a backup has chosen the way: where another one ends says nothing of it.
bool is_way_chosen(const RestoreRequest& request) { return request.timeline || is_backup_named(request); }

}  // namespace

Result<void> TargetResolution::expect_latest(const RestoreRequest& request, const wal::RecoveryWindow& best,
                                             const std::vector<wal::RecoveryWindow>& windows) {
  auto reached = [&](const std::string& why) {
    return fmt::format("{}: what was committed after {} cannot be reached", why, moment(best.until));
  };
  std::optional<std::string> why = windows_.stated_beyond(best, windows, is_way_chosen(request));
  const auto gap = windows_.gap_behind(best, is_way_chosen(request));
  const bool expired = gap && is_backup_named(request) && TRY(is_expired(*gap));
  if (gap && upload_went_on_) {
    warnings_.push_back("an upload is under way: " + reached(*why));
    why = windows_.stated_by_records(best, windows, is_way_chosen(request));
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

/// Whether expiry has written of every segment from the gap to the next that is there that it removed it.
Result<bool> TargetResolution::is_expired(const wal::RecoveryWindows::Gap& gap) const {
  if (!settings_.expired_wal) return false;
  const auto expired = TRY(settings_.expired_wal());
  return windows_.is_gap_within(gap, expired);
}

/// What is missing while an upload is under way is there a moment later. All that was there at the first look has to be
/// reached; where the order is broken only behind that by then, the upload is going on.
Result<std::vector<wal::RecoveryWindow>> TargetResolution::windows_after_uploads(const RestoreRequest& request,
                                                                                 const Summary* fixed) {
  constexpr int kLooks = 10;
  upload_went_on_ = false;
  const auto warned = warnings_.size();
  auto all = TRY(usable_windows(request, fixed));
  auto gap = windows_.gap_behind(*windows_.furthest(all), is_way_chosen(request));
  if (!gap || !settings_.look_again || request.up_to_what_is_there) return all;
  if (is_backup_named(request) && TRY(is_expired(*gap))) return all;
  const uint64_t last_seen = windows_.last_there(gap->towards);
  for (int look = 0; look < kLooks && gap && !upload_went_on_; ++look) {
    TRY(settings_.look_again());
    warnings_.resize(warned);  // said anew
    all = TRY(usable_windows(request, fixed));
    gap = windows_.gap_behind(*windows_.furthest(all), is_way_chosen(request));
    upload_went_on_ = gap && gap->missing.number > last_seen;
  }
  return all;
}

Result<ResolvedTarget> TargetResolution::latest(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(windows_after_uploads(request, fixed));
  const auto* best = windows_.furthest(all);
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
