// What a restore demands of a backup as a whole. A backup that breaks a rule is not committed, and verify names it.
#pragma once

#include <map>
#include <set>
#include <tuple>

#include "repository/placement.h"

namespace spendsync::repository {

/// Takes every entry of a file table in any order, then what the manifest says. The tablespaces are known only when the
/// walk has ended, so one entry of each shape is kept for each of them: memory does not grow with the files.
/// One thread at a time.
class RestoreRules {
 public:
  static constexpr uint64_t kControlFileMax = 64u << 10;  // bytes; PG_CONTROL_FILE_SIZE is 8192

  /// Errors: corrupt, naming the entry, for what no summary can make right.
  Result<void> add(const FileEntry& entry);
  /// Errors: corrupt, naming the entry: files of tablespaces and captured sets that the summary does not name, a
  /// tablespace_map although it names none or the other way round, no backup_label, not exactly one global/pg_control.
  Result<void> finish(const ManifestSummary& summary, const std::string& backup_label,
                      const std::string& tablespace_map) const;

 private:
  Result<void> add_captured(const FileEntry& entry);

  ClusterPlacement without_tablespaces_{ManifestSummary{}};
  uint64_t control_files_ = 0;
  std::map<std::tuple<uint32_t, FileKind, bool>, FileEntry> in_tablespaces_;  // oid, kind, whether below its root
  std::map<uint32_t, std::string> sets_;                                      // number, its first entry's path
};

}  // namespace spendsync::repository
