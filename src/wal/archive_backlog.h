// WAL that waits to be archived, and how long the disk will hold it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/types.h"

namespace spendsync::wal {

/// PostgreSQL keeps every segment that archive_command has not taken: archive_status/<segment>.ready says so.
struct ArchiveBacklog {
  uint64_t segments = 0;                           // that wait
  uint64_t bytes = 0;                              // of those
  uint64_t free_bytes = 0;                         // of the file system of pg_wal
  std::optional<std::chrono::seconds> until_full;  // at the rate at which they have come; empty: not known yet
  /// "3 segments wait in pg_wal (48.0 MiB), which has 1.2 GiB free: full in about 2 h"
  std::string describe() const;
};

/// Tells the stopped server that the segments of `first`'s timeline from that one on need not be archived: no archive
/// takes them, and the archiver would ask for the first of them for ever. How many there were.
/// Errors: those of the directory.
Result<uint64_t> stop_archiving_from(const std::string& wal_directory, SegmentName first, uint32_t segment_size);

/// Errors: those of reading the directory.
Result<ArchiveBacklog> read_archive_backlog(const std::string& wal_directory);

}  // namespace spendsync::wal
