// What a request that nothing leads to is answered: where else one can go.
#include <fmt/format.h>

#include "base/condition.h"
#include "restore/target_candidate.h"
#include "restore/target_resolution.h"

namespace spendsync::restore {

namespace {

std::string describe_backup(const repository::ManifestSummary& backup) {
  return fmt::format("backup {} on timeline {}", backup.label.text(), backup.stop.timeline.value);
}

}  // namespace

std::string TargetResolution::moment(Timestamp time) const {
  return fmt::format("{} ({})", format_utc(time), settings_.zone.format_local(time));
}

Error TargetResolution::outside(Timestamp time, const std::vector<wal::RecoveryWindow>& windows) const {
  std::optional<Timestamp> before;
  std::optional<Timestamp> after;
  bool in_gap = false;
  for (const auto& window : windows) {
    if (window.until < time && (!before || *before < window.until)) before = window.until;
    if (window.from > time && (!after || window.from < *after)) after = window.from;
    if (window.until < time && window.missing) in_gap = true;
  }
  std::string why = !before  ? "it lies before the end of the first backup"
                    : !after ? "it lies after everything that is covered"
                             : "it lies in a gap of the WAL";
  if (before && !after && in_gap) why = "WAL is missing before it";
  std::string nearest;
  if (before) nearest = moment(*before);
  if (after) nearest += (nearest.empty() ? "" : " and ") + moment(*after);
  return Error(ErrorKind::not_found, fmt::format("{} cannot be restored: {}", moment(time), why))
      .with_condition(Condition::target_not_covered)
      .with_hint("nearest restorable: " + nearest);
}

/// The hint names a timeline that can be had.
Error TargetResolution::leads_nowhere(const RestoreRequest& request, const Summary* fixed) {
  const bool immediate = request.target == RestoreRequest::Target::immediate;
  auto all = windows_.all();
  const wal::RecoveryWindow* newest = nullptr;
  if (all) {
    for (const auto& window : *all) {
      if (fixed != nullptr && window.backup != fixed) continue;
      if (immediate && window.backup->stop.timeline != window.timeline) continue;
      if (newest == nullptr || newest->until < window.until) newest = &window;
    }
  }
  auto asked = request.timeline ? fmt::format("timeline {}", request.timeline->value) : std::string("any timeline");
  auto what = fixed != nullptr ? fmt::format("{} does not lead to {}", describe_backup(*fixed), asked)
                               : fmt::format("no backup {} {}", immediate ? "ended on" : "leads to", asked);
  auto error = Error(ErrorKind::not_found, what).with_condition(Condition::target_not_covered);
  if (newest == nullptr) return std::move(error).with_hint("spendsync-backup list   # shows what can be restored");
  return std::move(error).with_hint(
      fmt::format("say --target-timeline {}, which leads up to {}", newest->timeline.value, moment(newest->until)));
}

}  // namespace spendsync::restore
