#include "restore/target_resolution.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "restore/target_candidate.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;
using postgres::WalEvent;
using repository::CommitPoint;
using repository::LogRecord;
using repository::ManifestSummary;
using Base = RestoreRequest::Base;
using Target = RestoreRequest::Target;

// ---- the request

Result<ResolvedTarget> TargetResolution::resolve(const RestoreRequest& request) {
  if (backups_.backups.empty()) {
    if (!backups_.unreadable.empty()) return backups_.unreadable.front().why;
    return Error(ErrorKind::not_found, "the repository holds no backup")
        .with_condition(Condition::no_such_backup)
        .with_hint("take one: backup full");
  }
  warnings_.clear();
  auto target = request.base == Base::transaction_logs ? logs_of(request) : [&]() -> Result<ResolvedTarget> {
    const Summary* fixed = TRY(find_backup(request));
    return resolve_base(request, fixed);
  }();
  if (!target) return target;
  target->warnings.insert(target->warnings.begin(), warnings_.begin(), warnings_.end());
  warn_about_unreadable(*target);
  return target;
}

Result<ResolvedTarget> TargetResolution::resolve_base(const RestoreRequest& request, const Summary* fixed) {
  switch (request.target) {
    case Target::natural:
      if (request.base == Base::point_in_time) return last_of_day(request, fixed);
      return own_end(*fixed);
    case Target::immediate: {
      if (fixed != nullptr) return own_end(*fixed);
      const Summary* newest = nullptr;
      for (const auto& backup : backups_.backups) {
        if (request.timeline && backup.stop.timeline != *request.timeline) continue;
        if (newest == nullptr || is_better(backup, *newest)) newest = &backup;
      }
      if (newest == nullptr) return leads_nowhere(request, nullptr);
      return own_end(*newest);
    }
    case Target::time:
      return at_time(request, fixed, request.time);
    case Target::latest:
      return latest(request, fixed);
    case Target::lsn:
      return at_lsn(request, fixed);
    case Target::transaction:
    case Target::name:
      return at_event(request, fixed);
  }
  return Error(ErrorKind::internal, "unknown recovery target");
}

/// Recovery ends as soon as the data directory is consistent: with the record that pg_backup_stop wrote.
Result<ResolvedTarget> TargetResolution::own_end(const Summary& backup) const {
  ResolvedTarget target(backup);
  target.recovery.kind = RecoveryTarget::Kind::immediate;
  target.recovery.timeline = backup.stop.timeline;
  target.reached = backup.stopped;
  target.needed_until = backup.stop.lsn;
  target.limit =
      SegmentName::ending_at(backup.stop.timeline, backup.stop.lsn, wal_.segment_size()).end(wal_.segment_size());
  return target;
}

// ---- finding what the type and the date mean

bool TargetResolution::is_asked(const repository::Label& label, const RestoreRequest& request) const {
  if (request.label) return label == *request.label;
  return request.day && label.start() >= request.day->begin && label.start() < request.day->end;
}

/// Null when the request leaves the choice to us.
Result<const ManifestSummary*> TargetResolution::find_backup(const RestoreRequest& request) {
  const Summary* nothing = nullptr;
  if (request.base == Base::any || (request.base == Base::point_in_time && !request.label)) return nothing;
  auto fits_type = [&](const repository::Label& label) {
    return request.base == Base::point_in_time ||
           label.type() == (request.base == Base::full ? BackupType::full : BackupType::incremental);
  };
  const Summary* newest = nullptr;
  for (const auto& backup : backups_.backups) {
    if (!fits_type(backup.label)) continue;
    // One that was taken up again has the label of its first attempt, maybe of the day before.
    bool began_then = request.day && backup.started >= request.day->begin && backup.started < request.day->end;
    if (is_asked(backup.label, request) || began_then) newest = &backup;  // ascending
  }
  const wal::BackupInventory::Unreadable* damaged = nullptr;
  for (const auto& entry : backups_.unreadable) {
    if (fits_type(entry.label) && is_asked(entry.label, request)) damaged = &entry;
  }
  if (newest != nullptr) return newest;
  if (damaged != nullptr) return damaged->why;
  return Error(ErrorKind::not_found, request.label ? fmt::format("there is no backup {}", request.label->text())
                                                   : fmt::format("there is no {} backup of {}",
                                                                 request.base == Base::full ? "full" : "incremental",
                                                                 settings_.zone.day_of(request.day->begin)))
      .with_condition(Condition::no_such_backup)
      .with_hint("`list` shows what there is");
}

Result<const LogRecord*> TargetResolution::find_log(const RestoreRequest& request) const {
  const LogRecord* newest = nullptr;
  for (const auto& record : backups_.logs) {
    if (is_asked(record.label, request)) newest = &record;
  }
  if (newest != nullptr) return newest;
  for (const auto& entry : backups_.unreadable) {
    if (entry.label.type() == BackupType::transaction_logs && is_asked(entry.label, request)) return entry.why;
  }
  return Error(ErrorKind::not_found,
               request.label
                   ? fmt::format("there is no transaction-log backup {}", request.label->text())
                   : fmt::format("there is no transaction-log backup of {}", settings_.zone.day_of(request.day->begin)))
      .with_condition(Condition::no_such_backup)
      .with_hint("`list transaction_logs` shows what there is");
}

void TargetResolution::warn_about_unreadable(ResolvedTarget& target) const {
  if (backups_.went_back) target.warnings.push_back(backups_.went_back->message());
  for (const auto& warning : wal_.inventory().warnings) target.warnings.push_back(warning);
  for (const auto& entry : backups_.unreadable) {
    target.warnings.push_back(
        fmt::format("{} cannot be read and was passed over: {}", entry.label.text(), entry.why.message()));
  }
}

// ---- which backup

bool TargetResolution::is_better(const Summary& candidate, const Summary& than) const {
  if (is_damaged(candidate) != is_damaged(than)) return is_damaged(than);
  return ended_before(than, candidate);
}

/// Where others lead somewhere: what they do not reach is told as outside, with the damaged ones named.
void TargetResolution::pass_over_damaged(std::vector<wal::RecoveryWindow>& windows) {
  auto damaged = [&](const wal::RecoveryWindow& window) { return is_damaged(*window.backup); };
  bool others = !std::ranges::all_of(windows, damaged);
  for (const auto& [label, why] : backups_.damaged) {
    warnings_.push_back(
        others ? fmt::format("{} was passed over, {}; name it to restore from it all the same", label.text(), why)
               : fmt::format("{} may not restore: {}", label.text(), why));
  }
  if (others) std::erase_if(windows, damaged);
}

Result<std::vector<wal::RecoveryWindow>> TargetResolution::usable_windows(const RestoreRequest& request,
                                                                          const Summary* fixed) {
  auto all = TRY(windows_.all());
  std::erase_if(all, [&](const wal::RecoveryWindow& window) {
    return (fixed != nullptr && window.backup != fixed) || (request.timeline && window.timeline != *request.timeline);
  });
  if (fixed == nullptr) pass_over_damaged(all);
  if (all.empty()) return leads_nowhere(request, fixed);
  return all;
}

// ---- several ways

/// Timelines share what came before their fork: ways that end with the same commit are one.
Result<TargetResolution::Candidate> TargetResolution::choose(std::vector<Candidate> candidates,
                                                             const std::string& what) const {
  std::vector<Candidate> distinct;
  for (auto& found : candidates) {
    auto end_of = [](const Candidate& c) { return c.search.stop ? c.search.stop->end : c.window.backup->stop.lsn; };
    bool known = std::ranges::any_of(distinct, [&](const Candidate& other) {
      auto newer = wal_.path_to(found.window.timeline);
      return end_of(other) == end_of(found) && newer.history().contains({other.window.timeline, end_of(other)});
    });
    if (!known) distinct.push_back(std::move(found));
  }
  if (distinct.size() == 1) return std::move(distinct.front());
  std::string both;
  for (const auto& found : distinct) {
    both += fmt::format("{}timeline {} (from {}, {})", both.empty() ? "" : "; ", found.window.timeline.value,
                        found.window.backup->label.text(),
                        found.search.last ? "last commit " + moment(found.search.last->time) : "no commit after it");
  }
  return Error(ErrorKind::refused, fmt::format("{} exists on more than one timeline: {}", what, both))
      .with_condition(Condition::target_ambiguous)
      .with_hint(fmt::format("say which one: --target-timeline {}", distinct.back().window.timeline.value));
}

// ---- events

/// A transaction or a restore point: only reading the WAL tells where it is. Newest backups first, so that the least
/// WAL is read and replayed.
Result<ResolvedTarget> TargetResolution::at_event(const RestoreRequest& request, const Summary* fixed) {
  auto all = TRY(usable_windows(request, fixed));
  std::ranges::sort(all, [](const auto& a, const auto& b) { return ended_before(*b.backup, *a.backup); });
  auto accept = [&](const WalEvent& event) {
    if (request.target == Target::name)
      return event.kind == WalEvent::Kind::restore_point && event.name == request.name;
    // The server takes the lower half of a 64-bit id (guc_tables.c, check_recovery_target_xid).
    bool ends = event.kind == WalEvent::Kind::commit || event.kind == WalEvent::Kind::abort;
    return ends && event.transaction == static_cast<uint32_t>(std::strtoull(request.transaction.c_str(), nullptr, 10));
  };
  std::vector<Candidate> found;
  std::map<TimelineId, Lsn> searched;  // everything from here on has been read
  for (const auto& window : all) {
    if (!found.empty() && window.backup != found.front().window.backup) break;
    auto path = wal_.path_to(window.timeline);
    Lsn until = searched.contains(window.timeline) ? searched[window.timeline] : window.end;
    auto event = TRY(wal_.find_event(path, window.backup->stop.lsn, until, accept, stop_));
    searched[window.timeline] = window.backup->stop.lsn;
    if (event) found.push_back({window, {.last = event, .stop = event, .next = {}, .again = {}}});
  }
  std::string what = request.target == Target::name ? fmt::format("restore point \"{}\"", request.name)
                                                    : fmt::format("transaction {}", request.transaction);
  if (found.empty()) {
    return Error(ErrorKind::not_found, fmt::format("{} is in no WAL that a backup leads to", what))
        .with_condition(Condition::target_not_covered)
        .with_hint("`list` shows what can be restored");
  }
  auto chosen = TRY(choose(std::move(found), what));
  ResolvedTarget target(*chosen.window.backup);
  target.recovery.kind =
      request.target == Target::name ? RecoveryTarget::Kind::name : RecoveryTarget::Kind::transaction;
  target.recovery.name = request.name;
  target.recovery.transaction = request.transaction;
  target.recovery.timeline = chosen.window.timeline;
  const auto& event = *chosen.search.last;
  if (event.kind == WalEvent::Kind::commit) target.last_commit = CommitPoint{event.time, event.end};
  target.reached = event.time;
  target.needed_until = event.end;
  target.limit = chosen.window.end;
  return target;
}

// ---- transaction logs

Result<ResolvedTarget> TargetResolution::logs_of(const RestoreRequest& request) {
  const LogRecord* record = TRY(find_log(request));
  if (record->ranges.empty()) return Error(ErrorKind::corrupt, fmt::format("{} covers no range", record->label.text()));
  if (request.timeline && record->ranges.back().timeline != *request.timeline) {
    return Error(ErrorKind::not_found,
                 fmt::format("{} ends on timeline {}", record->label.text(), record->ranges.back().timeline.value));
  }
  if (request.target == Target::natural || request.target == Target::latest) return end_of_log(*record);
  if (request.target == Target::time && request.time > record->covered_until) {
    return Error(ErrorKind::not_found,
                 fmt::format("{} lies after what {} covers", moment(request.time), record->label.text()))
        .with_condition(Condition::target_not_covered)
        .with_hint("the nearest restorable moment is " + moment(record->covered_until));
  }
  return resolve_base(request, nullptr);
}

Result<ResolvedTarget> TargetResolution::end_of_log(const LogRecord& record) {
  WalPosition end{record.ranges.back().timeline, record.ranges.back().to};
  auto path = wal_.path_to(end.timeline);
  std::optional<wal::RecoveryWindow> best;
  for (const auto& backup : backups_.backups) {
    if (!path.history().contains(backup.stop) || backup.stop.lsn > end.lsn) continue;
    auto found = TRY(windows_.of(backup, end.timeline));
    if (!found || found->end < end.lsn) continue;
    if (!best || is_better(backup, *best->backup)) best = found;
  }
  if (!best) {
    return Error(ErrorKind::not_found,
                 fmt::format("no backup leads without a gap to the end of {}", record.label.text()))
        .with_condition(Condition::target_not_covered)
        .with_hint("`list` shows what can be restored");
  }
  auto search = TRY(wal_.search_end(path, best->backup->stop.lsn, end.lsn));
  auto target = TRY(stop_after(*best, search));
  target.reached = record.covered_until;
  return target;
}

}  // namespace spendsync::restore
