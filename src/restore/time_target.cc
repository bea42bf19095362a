// A moment, and what it is in WAL: the place behind the last commit before the first later one.
#include <fmt/format.h>

#include "base/condition.h"
#include "restore/target_candidate.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;
using repository::CommitPoint;

namespace {

constexpr std::chrono::microseconds kInstant(1);

}  // namespace

Result<ResolvedTarget> TargetResolution::at_time(const RestoreRequest& request, const Summary* fixed, Timestamp time) {
  auto all = TRY(usable_windows(request, fixed));
  std::map<TimelineId, wal::RecoveryWindow> best;  // of each timeline the newest backup that ended before
  for (const auto& window : all) {
    if (time < window.from || time > window.until) continue;
    auto [known, added] = best.emplace(window.timeline, window);
    if (!added && ended_before(*known->second.backup, *window.backup)) known->second = window;
  }
  if (best.empty()) return outside(time, all);
  std::vector<Candidate> candidates;
  for (const auto& [timeline, window] : best) {
    auto found = TRY(candidate(window, time));
    candidates.push_back(std::move(found));
  }
  auto chosen = TRY(choose(std::move(candidates), moment(time)));
  auto target = TRY(stop_after(chosen.window, chosen.search));
  target.asked = time;
  target.reached = time;
  const auto& [last, stop, next, again] = chosen.search;
  if (next && again) {
    target.warnings.push_back(
        fmt::format("the server's clock went back: the commit of {} at {} is the first one later than that, and behind "
                    "it come earlier ones, the last of {} at {}; recovery stops before the first, as PostgreSQL does; "
                    "--target-lsn {} goes to the other",
                    moment(next->time), next->start.to_string(), moment(again->time), again->start.to_string(),
                    again->start.to_string()));
  }
  return target;
}

Result<TargetResolution::Candidate> TargetResolution::candidate(const wal::RecoveryWindow& window, Timestamp time) {
  auto search = TRY(wal_.search_time(wal_.path_to(window.timeline), window.backup->stop.lsn, window.end, time));
  return Candidate{window, search};
}

/// Always by position: recovery_target_time stops at a later commit's record only, when replay has done already what
/// comes before it (DROP DATABASE removes the files first), and never where no commit follows. recovery_target_lsn
/// stops behind the first record that begins there or later (xlogrecovery.c, recoveryStopsAfter).
Result<ResolvedTarget> TargetResolution::stop_after(const wal::RecoveryWindow& window,
                                                    const wal::WalCoverage::TimeSearch& search) const {
  if (!search.stop) {
    auto target = TRY(own_end(*window.backup));
    target.recovery.timeline = window.timeline;
    return target;
  }
  ResolvedTarget target(*window.backup);
  target.recovery.kind = RecoveryTarget::Kind::lsn;
  target.recovery.timeline = window.timeline;
  target.recovery.lsn = search.stop->start;
  if (search.last) target.last_commit = CommitPoint{search.last->time, search.last->end};
  target.reached = search.stop->time;
  target.needed_until = search.stop->end;
  target.limit = window.end;
  return target;
}

Result<ResolvedTarget> TargetResolution::last_of_day(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(usable_windows(request, fixed));
  auto name = request.day ? settings_.zone.day_of(request.day->begin) : settings_.zone.day_of(request.label->start());
  TimeZone::Day day = TRY(settings_.zone.parse_day(name));
  std::optional<Timestamp> last;
  for (const auto& window : all) {
    Timestamp until = std::min(window.until, day.end - kInstant);
    if (until < day.begin || until < window.from) continue;
    if (!last || *last < until) last = until;
  }
  if (!last) {
    auto error = outside(day.end - kInstant, all);
    return Error(ErrorKind::not_found, fmt::format("no moment of {} can be restored", settings_.zone.day_of(day.begin)))
        .with_condition(Condition::target_not_covered)
        .with_hint(error.hint());
  }
  return at_time(request, fixed, *last);
}

}  // namespace spendsync::restore
