// Tablespaces that are newer than the backup: replay makes them where they lay, whatever lies there now.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "repository/wal_archive.h"
#include "wal/coverage.h"

namespace spendsync::restore {

struct RestorePlan;

/// A CREATE TABLESPACE that the plan's recovery replays: pg_tblspc/<oid> then leads to the location in its record, and
/// pages are written there; older minor versions empty it first (commands/tablespace.c, create_tablespace_directories).
struct NewTablespace {
  uint32_t oid = 0;
  std::string location;             // absolute
  Lsn position;                     // of the record
  std::optional<Timestamp> made{};  // the next commit; empty: not in the same segment
};

/// In the order of replay, created in place (`allow_in_place_tablespaces`) left out. Reads the change maps of the
/// plan's segments, several at once, and only those segments which have none or name a tablespace.
/// Errors: those of reading WAL; cancelled. Memory: a segment, and a few bytes a segment of the plan.
Result<std::vector<NewTablespace>> find_new_tablespaces(repository::WalArchive& archive, const RestorePlan& plan,
                                                        std::stop_token stop);

/// Ok where the plan replays none. Errors: refused, naming the first, the last moment before it and what to type: for a
/// recovery anywhere but at the original place.
Result<void> refuse_new_tablespaces(const RestorePlan& plan, wal::WalCoverage& wal);

}  // namespace spendsync::restore
