// How a segment of WAL joins on to its neighbours.
#pragma once

#include <optional>

#include "base/types.h"

namespace spendsync {

/// Every WAL record names the start of the one before it (xl_prev), so the first record of a segment tells whether the
/// last one of the segment before is the one that the server wrote before it. Members are empty where no record begins
/// in the segment, or where the header of the first one is cut by the segment's end.
struct SegmentEdges {
  std::optional<Lsn> first_previous;  // xl_prev of the first record that begins in the segment
  std::optional<Lsn> last_record;     // start of the last record that begins in it, whether it ends in it or not
  std::optional<Lsn> last_whole;      // start of the last record that begins and ends in it
  /// Digests of the last records of this segment and of the one before it, as its writer has seen that one
  /// (postgres/wal/segment_tail.h): records of equal sizes lie at equal positions in histories that have parted.
  std::optional<uint64_t> tail;
  std::optional<uint64_t> previous_tail;
  bool operator==(const SegmentEdges&) const = default;
};

}  // namespace spendsync
