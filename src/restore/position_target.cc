// A position in WAL: what is there decides whether recovery may stop behind it.
#include <fmt/format.h>

#include "base/condition.h"
#include "postgres/wal/resource_manager.h"
#include "restore/target_candidate.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;
using postgres::WalEvent;
using repository::CommitPoint;
using Edge = RestoreRequest::Edge;

Result<ResolvedTarget> TargetResolution::at_lsn(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(usable_windows(request, fixed));
  std::map<TimelineId, wal::RecoveryWindow> best;
  for (const auto& window : all) {
    auto path = wal_.path_to(window.timeline);
    bool own = window.backup->stop.timeline == window.timeline || request.lsn > path.fork();
    if (!own || request.lsn < window.backup->stop.lsn || request.lsn >= window.end) continue;
    auto [known, added] = best.emplace(window.timeline, window);
    if (!added && known->second.backup->stop.lsn < window.backup->stop.lsn) known->second = window;
  }
  if (best.empty()) {
    std::string ranges;
    for (const auto& window : all) {
      ranges += fmt::format("{}{} to {} on timeline {}", ranges.empty() ? "" : "; ",
                            window.backup->stop.lsn.to_string(), window.end.to_string(), window.timeline.value);
    }
    return Error(ErrorKind::not_found, fmt::format("no backup and WAL lead to {}", request.lsn.to_string()))
        .with_condition(Condition::target_not_covered)
        .with_hint("restorable: " + ranges);
  }
  if (best.size() > 1) {
    std::string both;
    for (const auto& [timeline, window] : best)
      both += fmt::format("{}{}", both.empty() ? "" : " and ", timeline.value);
    return Error(ErrorKind::refused, fmt::format("{} exists on timelines {}", request.lsn.to_string(), both))
        .with_condition(Condition::target_ambiguous)
        .with_hint(fmt::format("say which one: --target-timeline {}", best.rbegin()->first.value));
  }
  return at_record(request, best.begin()->second);
}

/// PostgreSQL stops behind the first record that begins at the position or later, whatever it is; half of what a
/// transaction does may then be done. So only what ends something is taken without a word.
Result<ResolvedTarget> TargetResolution::at_record(const RestoreRequest& request, const wal::RecoveryWindow& window) {
  auto path = wal_.path_to(window.timeline);
  const Lsn after = window.backup->stop.lsn;
  const auto record = TRY(wal_.record_at(path, after, window.end, request.lsn));
  if (!record) {
    return Error(ErrorKind::not_found,
                 fmt::format("no whole record of WAL is at {} or behind it", request.lsn.to_string()))
        .with_condition(Condition::target_not_covered)
        .with_hint("--latest goes to the end of WAL");
  }
  ResolvedTarget target(*window.backup);
  target.recovery.kind = RecoveryTarget::Kind::lsn;
  target.recovery.lsn = record->start;
  target.recovery.inclusive = request.edge != Edge::exclusive;
  target.recovery.timeline = window.timeline;
  target.last_commit = TRY(wal_.last_commit(path, after, record->start));
  const std::string before = target.last_commit
                                 ? fmt::format("the last commit before it is of {}, ending at {}",
                                               moment(target.last_commit->time), target.last_commit->lsn.to_string())
                                 : std::string("no commit lies between the backup's end and it");
  const bool is_whole = postgres::completes_something(record->resource_manager, record->info);
  if (request.edge == Edge::unsaid && !is_whole) {
    return Error(ErrorKind::refused,
                 fmt::format("the record at {} is no commit: it begins at {}, ends at {}, and is of kind {}; {}",
                             request.lsn.to_string(), record->start.to_string(), record->end.to_string(),
                             postgres::resource_manager_name(record->resource_manager), before))
        .with_condition(Condition::position_is_no_commit)
        .with_hint(
            "--exclusive stops before it; --inclusive replays it, as PostgreSQL does by itself, though a DROP DATABASE "
            "that it belongs to would then be half done");
  }
  if (target.recovery.inclusive && is_whole) {
    auto is_it = [&](const WalEvent& event) { return event.start == record->start; };
    const auto event = TRY(wal_.find_event(path, after, record->end, is_it, stop_));
    if (event && event->kind == WalEvent::Kind::commit) target.last_commit = CommitPoint{event->time, event->end};
  }
  target.reached = target.last_commit ? target.last_commit->time : window.backup->stopped;
  target.needed_until = record->end;
  target.limit = window.end;
  return target;
}

}  // namespace spendsync::restore
