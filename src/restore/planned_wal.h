// The WAL that a recovery by one plan replays, read as `wal get` delivers it.
#pragma once

#include <vector>

#include "repository/wal_archive.h"
#include "restore/plan.h"

namespace spendsync::restore {

/// The plan's segments in the order of replay up to its target, and where that is the end of WAL those which only lie
/// aside. The last one may hold records that are not replayed.
std::vector<SegmentName> replayed_segments(const RestorePlan& plan);

/// What lies aside counts first. Shorter than a segment where it is partial. Errors: those of the archive.
Result<Bytes> replayed_content(repository::WalArchive& archive, const RestorePlan& plan, SegmentName name);

/// Whether nothing in the repository, but what lies aside or is partial, is replayed under this name.
bool is_whole_in_repository(const RestorePlan& plan, SegmentName name);

/// Whether recovery replays the record that begins at `start`, the one before it beginning at `previous`.
bool replays(const ResolvedTarget& target, Lsn start, Lsn previous);

}  // namespace spendsync::restore
