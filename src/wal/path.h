// Which WAL a recovery towards one timeline reads: the one place that turns timelines and positions into segments.
#pragma once

#include <vector>

#include "postgres/wal/timeline_history.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

/// The way to one timeline, from the beginning of its oldest ancestor on. Value type.
///
/// By position, a switch point is the end of one timeline and the beginning of the next. By segment, the one in which a
/// timeline begins is read from that timeline, which begins it with a copy of what the older one had there (R16).
class WalPath {
 public:
  WalPath(postgres::TimelineHistory history, uint32_t segment_size)
      : history_(std::move(history)), segment_size_(segment_size) {}
  /// As the repository has its history. Errors: not_found when it has none (timeline 1 needs none); corrupt.
  static Result<WalPath> load(repository::WalArchive& archive, TimelineId timeline, uint32_t segment_size);

  const postgres::TimelineHistory& history() const { return history_; }
  TimelineId timeline() const { return history_.timeline(); }
  uint32_t segment_size() const { return segment_size_; }
  /// Where the newest timeline of the path begins; zero for one without ancestors.
  Lsn fork() const { return history_.entries.back().begin; }
  bool contains(WalPosition position) const { return history_.contains(position); }

  /// The segment of that number.
  SegmentName at(uint64_t number) const;
  /// Segments of these numbers, both included: a run a timeline, oldest first.
  std::vector<SegmentRun> runs(uint64_t first, uint64_t last) const;

  /// [from, until): one range a timeline, oldest first; never empty, the last one may be (from == until).
  /// Errors: refused when `from` does not lie on the path, or `until` lies before it.
  Result<std::vector<repository::WalRange>> ranges(WalPosition from, Lsn until) const;
  /// The same from `from`, whichever timeline it lies on there.
  Result<std::vector<repository::WalRange>> ranges(Lsn from, Lsn until) const {
    return ranges({history_.timeline_at(from), from}, until);
  }
  /// What of the path lies before `until`: of `from`'s timeline from there on, and the timelines after it. For a `from`
  /// that does not lie on the path that is all of the timelines after its own. Empty when there is nothing.
  std::vector<repository::WalRange> ranges_since(WalPosition from, Lsn until) const;

 private:
  postgres::TimelineHistory history_;
  uint32_t segment_size_;
};

/// The segments that hold ranges of one path, oldest first. The one in which a range ends because the next timeline
/// begins there is that timeline's.
std::vector<SegmentRun> segments_of(const std::vector<repository::WalRange>& ranges, uint32_t segment_size);

}  // namespace spendsync::wal
