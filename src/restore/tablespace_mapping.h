// Where the tablespaces of a backup go: mapped by the operator, else beside the target. Pure decisions.
#pragma once

#include <string>
#include <vector>

#include "repository/manifest.h"

namespace spendsync::restore {

/// What `--tablespace OLD=NEW` says.
struct TablespaceMapping {
  std::string source;       // the original location, or the OID in digits
  std::string destination;  // absolute, normalized
};

/// "OLD=NEW"; a '=' that belongs to a path is written "\=". Errors: invalid when there is no '=', a side is empty or
/// NEW is not absolute; refused for a NEW that no target may be (normalize_target).
Result<TablespaceMapping> parse_tablespace_mapping(const std::string& text);

struct PlannedTablespace {
  uint32_t oid = 0;
  std::string source;    // where it lay
  std::string location;  // where it goes
  bool chosen = false;   // by the operator: the directory may exist before, and is never removed
};

struct TablespacePlaces {
  std::string data;                         // the data directory that is made
  std::string beside;                       // unmapped ones: <beside>/<oid>
  std::vector<std::string> other_places;    // further directories that the restore makes
  bool original = false;                    // unmapped ones go where they lay
  std::vector<TablespaceMapping> mappings;  // what the operator said
};

/// Tablespaces outside the data directory, in the manifest's order. Errors: refused for a mapping of something that is
/// no tablespace of the backup, for one mapped twice, and where a tablespace would lie in the data directory, in
/// another tablespace or in another place that the restore makes, or the other way round.
Result<std::vector<PlannedTablespace>> place_tablespaces(const std::vector<repository::TablespaceRecord>& tablespaces,
                                                         const TablespacePlaces& places);

}  // namespace spendsync::restore
