// What of the files in pg_wal a server has begun to write.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace spendsync::postgres {

/// The segments in a server's pg_wal whose first page says what their name says, by timeline and number, ascending.
/// Those that were only recycled or allocated ahead are none of them. A file that a running server removes meanwhile
/// is passed over. Errors: those of reading the directory and its files.
Result<std::vector<SegmentName>> begun_segments(const std::string& wal_directory, uint32_t segment_size,
                                                SystemIdentifier system_identifier);

/// Whether another of these segments begins with a copy of this one, in whose middle its timeline was left: timelines
/// need not be numbered one after the other, nor end in the order in which they began.
bool is_superseded(const std::string& wal_directory, uint32_t segment_size, SegmentName segment,
                   const std::vector<SegmentName>& segments);

}  // namespace spendsync::postgres
