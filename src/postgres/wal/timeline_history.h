// Timeline history files (access/timeline.c).
#pragma once

#include <optional>
#include <vector>

#include "base/types.h"

namespace spendsync::postgres {

/// Which timeline's WAL a recovery towards one timeline reads, and where.
///
/// PostgreSQL demands of a history file that timelines ascend, not that switch points do: recovery towards timeline 2
/// that ends before timeline 2 began writes a switch point of 2 that lies before that of 1. Whoever looks up a position
/// reads newest line first (tliOfPointInHistory), so an ancestor ends at the smallest switch point from its own on.
struct TimelineHistory {
  struct Entry {
    TimelineId timeline;
    Lsn begin;
    std::optional<Lsn> end;  // empty for the timeline itself
  };
  /// The timelines whose WAL belongs to this history. Oldest first, each begins where the one before ended; the
  /// timeline itself is the last, open-ended. Ancestors that end before they begin are left out.
  std::vector<Entry> entries;

  /// What the file says, line by line.
  struct Ancestor {
    TimelineId timeline;
    Lsn switch_point;
  };
  std::vector<Ancestor> ancestors = {};

  TimelineId timeline() const { return entries.back().timeline; }
  /// The timeline on whose WAL `lsn` lies.
  TimelineId timeline_at(Lsn lsn) const;
  /// Whether (timeline, lsn) is on this history's path.
  bool contains(WalPosition position) const;
  /// Where this history left an ancestor for good, though the ancestor may have begun later and hold none of its WAL.
  /// Empty for a timeline that the file does not name.
  std::optional<Lsn> left_at(TimelineId ancestor) const;
  /// Whether every ancestor that the file names holds WAL of this history, so that a server that follows the file line
  /// by line (walsender.c, tliSwitchPoint) goes the same way as a recovery.
  bool uses_every_ancestor() const { return entries.size() == ancestors.size() + 1; }
};

/// Timeline 1 and any without a file: one open entry.
TimelineHistory initial_history(TimelineId timeline);
/// Accepts what PostgreSQL accepts (timeline.c, readTimeLineHistory). Errors: corrupt with the line; rejects timelines
/// that do not ascend.
Result<TimelineHistory> parse_timeline_history(TimelineId timeline, std::string_view text);

}  // namespace spendsync::postgres
