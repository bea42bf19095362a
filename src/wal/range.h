// Which segments a stretch of WAL needs, whether the repository has them all, and which commits are in it.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "postgres/wal/timeline_history.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

/// The history of a timeline as the repository has it. Errors: not_found when it has none (timeline 1 needs none).
Result<postgres::TimelineHistory> load_history(repository::WalArchive& archive, TimelineId timeline);

/// [from, until) along a history: one range a timeline, oldest first; never empty, the last one may be (from == until).
/// Errors: refused when `from` does not lie on the history, or `until` lies before it.
Result<std::vector<repository::WalRange>> follow_history(const postgres::TimelineHistory& history, WalPosition from,
                                                         Lsn until);

/// The segments that hold a stretch of WAL, one run a timeline, oldest first. A segment in which a timeline ended is
/// taken from the timeline that goes on there, as recovery takes it (xlogrecovery.c: XLogFileReadAnyTLI): the next one
/// begins with a copy of what the older one had.
struct SegmentRun {
  SegmentName first;
  SegmentName last;
  uint64_t count() const { return last.number - first.number + 1; }
};
std::vector<SegmentRun> segments_of(const std::vector<repository::WalRange>& ranges, uint32_t segment_size);

/// The segment of that number on the way to the history's newest timeline.
SegmentName segment_on(const postgres::TimelineHistory& history, uint64_t number, uint32_t segment_size);

/// The segments of the ranges one by one, and before them the one that leads into the first: what must join.
/// Requires: the ranges lie on the history.
std::vector<SegmentName> joined_segments(const postgres::TimelineHistory& history,
                                         const std::vector<repository::WalRange>& ranges, uint32_t segment_size);

/// What of it the repository lacks, found by listing. Empty: the range is gapless.
Result<std::vector<SegmentRun>> missing_segments(repository::WalArchive& archive,
                                                 const std::vector<repository::WalRange>& ranges,
                                                 uint32_t segment_size);

/// What of it the repository has.
struct StoredWal {
  uint64_t segments = 0;
  uint64_t stored_bytes = 0;
};
Result<StoredWal> measure_stored(repository::WalArchive& archive, const std::vector<repository::WalRange>& ranges,
                                 uint32_t segment_size);

/// The first and last commit whose record ends in the range, found in the segments themselves: records may cross from
/// one segment into the next, which no segment's own summary can know. Reads from both ends as far as it must.
/// Requires: nothing is missing. Errors: corrupt when stored WAL does not hold together, naming segment and position.
struct CommitSpan {
  std::optional<repository::CommitPoint> first;
  std::optional<repository::CommitPoint> last;
};
struct WalFormat {
  uint32_t segment_size = 0;
  int major_version = 0;
};
Result<CommitSpan> find_commits(repository::WalArchive& archive, const std::vector<repository::WalRange>& ranges,
                                WalFormat format, std::stop_token stop);

}  // namespace spendsync::wal
