// Where an entry of a backup's file table goes, and which entries are refused. Pure decisions: no file is touched. Here
// and not with the restore, because what a restore would refuse is neither listed nor verified (restore_rules.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "repository/file_table.h"
#include "repository/manifest.h"

namespace spendsync::repository {

/// Files of a restore, in the data directory that it makes: the plan that `wal get` reads, the mark of one that is not
/// finished, what an in-place one must remember, and what tells one that is finished.
inline constexpr const char* kWalPlanFile = "spendsync-restore.plan";
inline constexpr const char* kUnfinishedMarker = "spendsync-restore.unfinished";
inline constexpr const char* kInPlaceFile = "spendsync-restore.in-place";
inline constexpr const char* kFinishedFile = "spendsync-restore.finished";

/// What happens to an entry of the database cluster (set 0).
struct Placement {
  enum class Action {
    skip,  // made by the restore itself, or meaningless in a copy
    directory,
    file,
    control_file,  // global/pg_control: last of all
    wal,           // a segment of the backup's own WAL
    tablespace,    // pg_tblspc/<oid>: a link that is made last
  } action = Action::skip;
  uint32_t tablespace = 0;  // file, directory: 0 in the data directory, else in that tablespace
  std::string path;         // relative to the one or the other
};

/// Decides for one backup. Immutable, thread-safe.
class ClusterPlacement {
 public:
  explicit ClusterPlacement(const ManifestSummary& summary);
  /// Set-id and sticky bits are no reason: the restore gives files and directories modes of its own.
  /// Errors: corrupt, naming the path: links where PostgreSQL has none, names that the restore makes itself, files of a
  /// tablespace that the manifest does not know, WAL that is none.
  Result<Placement> place(const FileEntry& entry) const;
  /// Tablespaces that lie outside the data directory, by oid, with their location at the source.
  const std::map<uint32_t, std::string>& tablespaces() const { return outside_; }

 private:
  Result<Placement> below_tablespaces(const FileEntry& entry) const;
  std::map<uint32_t, std::string> outside_;
  std::map<uint32_t, std::string> in_place_;
};

/// The decoder's rules again, since what was decoded may not have come from it: relative, no empty, "." or ".."
/// component, no NUL, each component at most 255 bytes. Errors: corrupt.
Result<void> check_path(const FileEntry& entry);

/// The tablespace that a path lies in, or whose link it is. nullopt: none (the path may still begin with pg_tblspc).
std::optional<uint32_t> tablespace_of(std::string_view path);

/// Directory of a captured set below <target>.files. Errors: corrupt for a name that could lead elsewhere.
Result<std::string> captured_set_directory(const CapturedSet& set);

}  // namespace spendsync::repository
