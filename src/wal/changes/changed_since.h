// What changed on the server since the full, told by WAL.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "base/condition.h"
#include "postgres/data_directory.h"
#include "postgres/wal/change_set.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

struct ChangesRequest {
  WalPosition from;  // the full's start: its redo point
  Lsn full_stop;     // where the full ended
  Lsn until;         // the incremental's start, on the same timeline; never before full_stop
  uint32_t segment_size = 0;
  int major_version = 0;
  SystemIdentifier system_identifier;
  std::string wal_directory;        // the server's pg_wal: what is not in the repository yet is read there
  uint64_t archived_max = 8;        // segments without a usable map that are read from the repository
  uint64_t local_bytes_max = 0;     // bytes that may be read in pg_wal: reading the database instead may be less
  uint64_t blocks_max = 32u << 20;  // that may have changed, for the memory they take; more: nothing is told
};

struct ChangesFound {
  /// Sorted. Empty: WAL does not tell, and `why_not` says so in one line.
  std::optional<postgres::WalChangeSet> changes;
  std::string why_not;
  uint64_t maps = 0;           // change maps read
  uint64_t segments_read = 0;  // segments without a usable map
};

/// The union of the change maps from `from` to `until`, proved gapless; a segment without a usable map is read itself,
/// from pg_wal or the repository. What can go wrong with WAL, maps and keys is no error but the reason for which
/// nothing is told. Errors: conflict
/// (Condition::wal_diverged) when `until` lies before the full's end, or the WAL between is not one history; cancelled.
/// Memory: WalChangeSet's, and a segment.
Result<ChangesFound> find_changes(repository::WalArchive& archive, const ChangesRequest& request, std::stop_token stop);

/// The relation that a file of the data directory belongs to, by its path: base/<db>/<relation>[.n], global/...,
/// pg_tblspc/<tablespace>/PG_.../<db>/... (manual, "Database File Layout"). Of main forks.
std::optional<postgres::RelationPlace> relation_of(const std::string& path);

}  // namespace spendsync::wal
