// WAL that lies in a server's pg_wal alone: what a plan may count on before it is saved.
#pragma once

#include "wal/coverage.h"

namespace spendsync::wal {

/// Adds the history files and the segments of `wal_directory` that the inventory lacks, all but the one in which the
/// server writes. That one is in `unsaved` only, and returned. Empty: no segment has been begun, or the newest is in
/// the inventory already. Errors: those of reading the directory.
Result<std::optional<SegmentName>> add_unsaved(WalInventory& inventory, const std::string& wal_directory,
                                               SystemIdentifier system_identifier);

/// Empty where it is none of these, and where the file is gone: the server has archived and removed it meanwhile.
std::optional<Bytes> read_unsaved(const std::map<SegmentName, std::string>& unsaved, SegmentName name,
                                  uint32_t segment_size);

/// The saved part of a segment in which a server writes, or else the whole segment: it may have been finished and
/// archived since the part was seen. Errors: not_found where there is neither.
Result<Bytes> get_partial_or_whole(repository::WalArchive& archive, SegmentName name, uint32_t segment_size);

}  // namespace spendsync::wal
