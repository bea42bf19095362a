// Which tablespaces --delta may rewrite where they lie: the directory's own, never those of the server that was backed
// up.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "restore/tablespace_mapping.h"

namespace spendsync::restore {

struct OriginalTablespaces {
  std::vector<std::string> locations;         // as the backup has recorded them
  std::optional<std::string> data_directory;  // of the server, as configured: its links are followed today
};

/// Whether `data`/pg_tblspc/<oid> is a link to `tablespace.location`, and none of the original's tablespaces lies
/// there: a copy by `cp -a` has links to them. Directories are compared by device and inode. Changes nothing.
/// Errors: those of looking at the original's links: what they lead to is not known then.
Result<bool> is_own_tablespace(const std::string& data, const PlannedTablespace& tablespace,
                               const OriginalTablespaces& original);

}  // namespace spendsync::restore
