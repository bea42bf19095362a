#include "restore/planned_wal.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "wal/unsaved.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

namespace {

void add_aside(const RestorePlan& plan, std::vector<SegmentName>& names) {
  if (plan.wal.aside.empty()) return;
  std::vector<SegmentName> more;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(plan.wal.aside, failed)) {
    auto name = SegmentName::parse(entry.path().filename().string(), plan.wal.segment_size);
    if (name && std::ranges::find(names, *name) == names.end()) more.push_back(*name);
  }
  std::ranges::sort(more);
  names.insert(names.end(), more.begin(), more.end());
}

bool is_partial(const RestorePlan& plan, SegmentName name) {
  const auto& partial = plan.wal.partial;
  return partial && partial->contains(name);
}

std::string path_aside(const RestorePlan& plan, SegmentName name) {
  return plan.wal.aside + "/" + name.file_name(plan.wal.segment_size);
}

}  // namespace

std::vector<SegmentName> replayed_segments(const RestorePlan& plan) {
  auto names = plan.wal.segments();
  if (plan.target.recovery.kind == RecoveryTarget::Kind::end_of_wal) {
    add_aside(plan, names);
    return names;
  }
  Lsn until = plan.target.needed_until;
  // The record after which a position stops may begin behind it: in the next segment.
  if (plan.target.recovery.kind == RecoveryTarget::Kind::lsn) until.value += plan.wal.segment_size;
  std::erase_if(names, [&](SegmentName name) { return name.start(plan.wal.segment_size) > until; });
  return names;
}

Result<Bytes> replayed_content(repository::WalArchive& archive, const RestorePlan& plan, SegmentName name) {
  if (!plan.wal.aside.empty()) {
    auto content = read_file(path_aside(plan, name), plan.wal.segment_size);
    if (content) content->resize(plan.wal.segment_size);
    if (content || !content.error().is(ErrorKind::not_found)) return content;
  }
  auto unsaved = wal::read_unsaved(plan.unsaved_wal, name, plan.wal.segment_size);
  if (unsaved) return *std::move(unsaved);
  if (is_partial(plan, name)) return wal::get_partial_or_whole(archive, name, plan.wal.segment_size);
  return archive.get_segment(name);
}

bool is_whole_in_repository(const RestorePlan& plan, SegmentName name) {
  return !is_partial(plan, name) && !plan.unsaved_wal.contains(name) &&
         (plan.wal.aside.empty() || !exists(path_aside(plan, name)));
}

/// PostgreSQL stops after the first record that begins at recovery_target_lsn or later (xlogrecovery.c,
/// recoveryStopsAfter); every other target is where something ends, which `needed_until` says.
bool replays(const ResolvedTarget& target, Lsn start, Lsn previous) {
  const auto& recovery = target.recovery;
  if (recovery.kind == RecoveryTarget::Kind::end_of_wal) return true;
  if (recovery.kind != RecoveryTarget::Kind::lsn) return start < target.needed_until;
  return start < recovery.lsn || (recovery.inclusive && previous < recovery.lsn);
}

}  // namespace spendsync::restore
