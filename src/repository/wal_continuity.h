// Whether stored WAL segments go on from one to the next: a name is no proof (docs/format/wal.md, "Continuity").
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/condition.h"
#include "base/result.h"
#include "base/segment_edges.h"
#include "base/types.h"

namespace spendsync::repository {

class WalArchive;

/// Two segments that follow each other by name, but not by their records: servers with different histories wrote them,
/// for example one that was put back to a snapshot in between.
struct WalBreak {
  SegmentName before;
  SegmentName after;
  Lsn expected;  // where the last record of `before` begins
  Lsn found;     // where the first record of `after` says that the one before it begins; the same: only what stands
                 // there differs
  std::string describe(uint32_t segment_size) const;
};

/// Follows the heads of consecutive segments. One thread. Memory: nothing that grows.
class WalContinuity {
 public:
  /// The next segment of a path of timelines, in order. A break when it is the next by number and does not go on where
  /// the last one ended; after a gap in the numbers it begins anew. What a head does not say is taken as right.
  std::optional<WalBreak> add(SegmentName name, const SegmentEdges& edges);

 private:
  std::optional<SegmentName> last_;
  std::optional<Lsn> last_record_;
  std::optional<Lsn> last_whole_;
  std::optional<uint64_t> last_tail_;
};

/// A conflict with Condition::wal_diverged, and the way on: two servers, or two states of one, have written different
/// WAL under the same names.
Error wal_diverged(std::string what);

/// The breaks between these segments, in order; a segment that the repository lacks, or whose head is damaged, is
/// passed over. One small range read a segment. Errors: cancelled; those of the store.
Result<std::vector<WalBreak>> find_breaks(WalArchive& archive, const std::vector<SegmentName>& path,
                                          std::stop_token stop);

}  // namespace spendsync::repository
