// What the repository has of a range of WAL: which segments are missing, and which commits are in it.
#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "wal/path.h"

namespace spendsync::wal {

/// The segments of the ranges one by one, and before them the one that leads into the first: what must join.
/// Requires: the ranges lie on the path.
std::vector<SegmentName> joined_segments(const WalPath& path, const std::vector<repository::WalRange>& ranges);

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
