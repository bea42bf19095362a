#include "restore/replay_limits.h"

#include <algorithm>
#include <charconv>

#include "postgres/wal/commit_scanner.h"
#include "restore/planned_wal.h"

namespace spendsync::restore {

using postgres::CommitScanner;
using postgres::kReplayLimitNames;
using postgres::ReplayLimitValues;
using postgres::WalEvent;

namespace {

/// Zero where the manifest does not tell: any value in WAL is greater.
int32_t value_in(const repository::ManifestSummary& backup, std::string_view name) {
  auto found = backup.server_settings.find(std::string(name));
  int32_t value = 0;
  if (found != backup.server_settings.end()) {
    const auto& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), value);
  }
  return value;
}

/// Reads the segments of one plan in the order of replay.
class LimitSearch {
 public:
  LimitSearch(repository::WalArchive& archive, const RestorePlan& plan, Log& log)
      : archive_(archive), plan_(plan), log_(log) {}

  Result<std::vector<ReplayLimitValues>> run(std::stop_token stop) {
    for (const auto& name : replayed_segments(plan_)) {
      if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while looking for settings in WAL");
      auto read = read_segment(name);
      if (!read) {
        // It may only not follow the one before it, which ended early or was not there.
        scanner_ = new_scanner();
        read = read_segment(name);
      }
      if (!read || scanner_.reader().at_end()) scanner_ = new_scanner();  // one that has ended sees nothing more
      if (read) continue;
      log_.debug("WAL was passed over in the search for changed settings",
                 {{"segment", name.file_name(plan_.wal.segment_size)}, {"error", read.error().message()}});
    }
    return std::move(changes_);
  }

 private:
  CommitScanner new_scanner() const {
    return CommitScanner({.segment_size = plan_.wal.segment_size, .major_version = plan_.target.backup.major_version});
  }

  Result<void> read_segment(SegmentName name) {
    auto content = TRY(replayed_content(archive_, plan_, name));
    return scanner_.feed(name, content, [&](const WalEvent& event) -> Result<void> {
      bool before_target = plan_.target.recovery.kind == postgres::RecoveryTarget::Kind::end_of_wal ||
                           event.start <= plan_.target.needed_until;
      if (event.kind == WalEvent::Kind::parameter_change && before_target) changes_.push_back(event.limits);
      return {};
    });
  }

  repository::WalArchive& archive_;
  const RestorePlan& plan_;
  Log& log_;
  CommitScanner scanner_ = new_scanner();
  std::vector<ReplayLimitValues> changes_;
};

}  // namespace

ReplayLimits replay_limits(const repository::ManifestSummary& backup, const std::vector<ReplayLimitValues>& changes) {
  ReplayLimits limits;
  for (size_t i = 0; i < kReplayLimitNames.size(); ++i) {
    std::string name(kReplayLimitNames[i]);
    const int32_t of_backup = value_in(backup, name);
    int32_t greatest = of_backup;
    for (const auto& change : changes) greatest = std::max(greatest, change[i]);
    if (greatest > 0) limits.needed[name] = std::to_string(greatest);
    if (!changes.empty() && changes.back()[i] > of_backup) limits.raised[name] = std::to_string(changes.back()[i]);
  }
  return limits;
}

Result<ReplayLimits> find_replay_limits(repository::WalArchive& archive, const RestorePlan& plan, Log& log,
                                        std::stop_token stop) {
  auto changes = TRY(LimitSearch(archive, plan, log).run(std::move(stop)));
  return replay_limits(plan.target.backup, changes);
}

}  // namespace spendsync::restore
