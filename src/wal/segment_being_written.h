// Is a segment in pg_wal the one that the server writes?
#pragma once

#include <string>

#include "postgres/wal/segment_check.h"

namespace spendsync::wal {

/// Whether the server has not finished the segment at `path`: PostgreSQL has not marked it as ready to be archived
/// (archive_status/<name>.ready or .done), and the next one has no WAL yet: it is missing, or what lies under its name
/// was made ahead, with zeros or the pages of an old segment. False where that cannot be told. Says nothing of what is
/// in the segment: ask only about one that does not hold together to its end.
bool is_being_written(const std::string& path, const postgres::SegmentExpectation& segment);

}  // namespace spendsync::wal
