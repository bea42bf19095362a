// Timeline history files (access/timeline.c).
#pragma once

#include <optional>
#include <vector>

#include "base/types.h"

namespace spendsync::postgres {

/// Where each ancestor ended. Oldest first; the timeline itself is the last, open-ended.
struct TimelineHistory {
  struct Entry {
    TimelineId timeline;
    Lsn begin;
    std::optional<Lsn> end;  // the switch point; empty for the timeline itself
  };
  std::vector<Entry> entries;
  TimelineId timeline() const { return entries.back().timeline; }
  /// The timeline on whose WAL `lsn` lies.
  TimelineId timeline_at(Lsn lsn) const;
  /// Whether (timeline, lsn) is on this history's path.
  bool contains(WalPosition position) const;
};

/// Timeline 1 and any without a file: one open entry.
TimelineHistory initial_history(TimelineId timeline);
/// Errors: corrupt with the line; rejects descending timelines.
Result<TimelineHistory> parse_timeline_history(TimelineId timeline, std::string_view text);

}  // namespace spendsync::postgres
