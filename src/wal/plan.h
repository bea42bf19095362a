// The part of a restore's plan that `wal get` answers from: a small file in the restored directory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/types.h"
#include "repository/placement.h"

namespace spendsync::wal {

/// Which WAL belongs to a restore. Value type.
struct WalPlan {
  std::string plan_id;
  std::string cluster;
  SystemIdentifier system_identifier;
  uint32_t segment_size = 0;            // bytes
  std::vector<SegmentRun> runs;         // in the order of replay
  std::optional<SegmentRun> in_backup;  // the backup's own WAL, which lies in pg_wal already
  std::optional<SegmentRun> partial;    // the last segment, which the repository has as `.partial`
  std::vector<TimelineId> histories;    // history files that the repository has
  std::string window;                   // directory with prefetched segments; empty: none
  std::string aside;                    // directory with saved WAL that the repository could not take; empty: none
  bool operator==(const WalPlan&) const = default;

  bool contains(SegmentName name) const;
  bool has_history(TimelineId timeline) const;
  /// Names of all segments in the order of replay.
  std::vector<SegmentName> segments() const;
};

Json to_json(const WalPlan& plan);
/// Errors: corrupt, naming the member.
Result<WalPlan> parse_wal_plan(std::string_view text);
/// Errors: not_found, corrupt.
Result<WalPlan> read_wal_plan(const std::string& path);

}  // namespace spendsync::wal
