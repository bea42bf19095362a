// What a restore is going to do, told before it does it.
#pragma once

#include "base/json.h"
#include "restore/new_tablespaces.h"
#include "restore/tablespace_mapping.h"
#include "restore/target_resolution.h"
#include "wal/plan.h"

namespace spendsync::restore {

/// Where things go. Absolute paths.
struct RestorePaths {
  std::string data;         // the data directory itself
  std::string files;        // <data>.files
  std::string tablespaces;  // <data>-tablespaces
  std::string window;       // <data>.wal, where that cannot be made a directory in <data>: removed when done
  static RestorePaths of(const std::string& data_directory);
  /// Whether something can be made beside <data>. True where the directory above is to be made as well.
  bool beside_is_writable() const;
};

/// What happens to what is at the target already.
enum class Existing {
  refused,     // there must be nothing
  rewritten,   // --delta: a data directory of the same cluster is brought to the backup
  moved_aside  // --in-place: what is there gets another name
};

/// Bytes needed on one file system.
struct SpaceNeed {
  std::string path;
  uint64_t needed = 0;
  uint64_t free = 0;
};

/// Value type.
struct RestorePlan {
  explicit RestorePlan(ResolvedTarget resolved) : target(std::move(resolved)) {}
  /// 16 hexadecimal digits of everything that decides the result: what is restored, from which WAL, up to which commit,
  /// to which place, and what becomes of what is there. What somebody has approved can be held to it.
  std::string id;
  /// The same of repository, backup, timeline, target and scope alone. It stays while more WAL arrives, so that an
  /// interrupted restore is taken up again.
  std::string resume_id;
  ResolvedTarget target;
  Scope scope = Scope::everything;
  Ending ending = Ending::stopped;
  Existing existing = Existing::refused;
  bool in_place = false;
  std::string cluster;
  SystemIdentifier system_identifier;
  std::string repository;               // where it is
  std::optional<std::string> original;  // the data directory of the server, as configured
  RestorePaths paths;
  std::vector<PlannedTablespace> tablespaces;
  std::map<uint32_t, uint64_t> tablespace_bytes;  // by oid
  std::vector<NewTablespace> new_tablespaces;     // that replay makes: only in place
  wal::WalPlan wal;
  /// Segments that only a server's pg_wal holds, with their paths: they are looked into, and saved before recovery.
  std::map<SegmentName, std::string> unsaved_wal;
  uint64_t wal_segments = 0;  // that recovery is expected to read
  uint64_t wal_bytes = 0;     // stored, of those
  uint64_t fetch_bytes = 0;   // stored; what an incremental keeps from its full comes on top
  uint64_t write_bytes = 0;   // of the data directory and captured files
  std::vector<SpaceNeed> space;
  std::vector<std::string> warnings;

  bool restores_database() const { return scope != Scope::files; }
  bool restores_files() const { return scope != Scope::database; }
};

struct PlanSettings {
  RestorePaths paths;
  Scope scope = Scope::everything;
  Ending ending = Ending::stopped;
  std::vector<TablespaceMapping> tablespaces = {};
  Existing existing = Existing::refused;
  bool in_place = false;                     // at the original place, with tablespaces where they lay
  std::string aside = {};                    // see WalPlan::aside
  std::string asked_target = {};             // empty: a default place, which is named after the time
  std::optional<std::string> original = {};  // see RestorePlan
};

/// Measures space but changes nothing. Errors: those of reading and of place_tablespaces; never for want of space (see
/// check_space).
Result<RestorePlan> make_plan(repository::Repository& repository, const wal::WalCoverage& wal, ResolvedTarget target,
                              const PlanSettings& settings);

/// Errors: refused, with the figures, where a file system has less free than is needed.
Result<void> check_space(const RestorePlan& plan);

/// What people see first: one fact a line.
std::vector<std::string> to_lines(const RestorePlan& plan, const TimeZone& zone);
Json to_json(const RestorePlan& plan, const TimeZone& zone);

/// "time 2024-03-15 14:30:00 UTC", "the backup's own end", "LSN 0/3000028" ...
std::string describe_target(const ResolvedTarget& target);

}  // namespace spendsync::restore
