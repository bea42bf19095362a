// What expiry would do and why: made of facts alone, so that every rule can be tested and shown before it acts.
#pragma once

#include <chrono>

#include "repository/marks.h"
#include "retention/facts.h"

namespace spendsync::retention {

/// Periods and limits.
struct Policy {
  std::chrono::seconds full = std::chrono::hours(28 * 24);
  std::chrono::seconds incremental = std::chrono::hours(7 * 24);
  std::chrono::seconds logs = std::chrono::hours(48);
  /// How long an unfinished run may be taken up again, and how long it must then have shown no sign of life.
  std::chrono::seconds unfinished = std::chrono::hours(48);
  std::chrono::seconds silence = std::chrono::hours(24);
  /// From the tombstone to the removal of packs: restores that have begun come to their end.
  std::chrono::seconds grace = std::chrono::hours(24);
  int cap_percent = 25;  // of the listed backups
};

/// From when to when the database can be recovered to any moment.
struct Window {
  std::optional<Label> base;  // empty: to no moment but the ends of backups
  Timestamp from{};
  Timestamp until{};  // when the last segment was stored
  bool operator==(const Window&) const = default;
};

struct KeptBackup {
  Label label;
  std::vector<std::string> rules;  // why, in words; never empty
};
struct ExpiredBackup {
  Label label;
  std::string why;
  std::string effect;  // on what can be recovered
  uint64_t bytes = 0;
};
struct ExpiredLog {
  Label label;
  std::string why;
};
struct CollectedRun {
  Label label;
  std::string why;
};
/// Packs and marks of a label whose tombstone is old enough.
struct Sweep {
  Label label;
  uint64_t bytes = 0;
  Timestamp due{};
};
struct ExpiredWal {
  SegmentRun run;
  uint64_t segments = 0;  // whole ones; a run of leftover files alone has none
  uint64_t bytes = 0;
  std::vector<std::string> files;  // keys of parts, .partial and .backup files
};

struct Plan {
  std::vector<ExpiredBackup> backups;  // incrementals before their fulls
  std::vector<CollectedRun> runs;
  std::vector<ExpiredLog> logs;
  std::vector<ExpiredWal> wal;
  std::vector<Sweep> sweeps;
  std::vector<Sweep> waiting;  // the same, but their grace has not passed
  std::vector<KeptBackup> kept;
  std::vector<std::string> warnings;
  uint64_t listed = 0;  // backups
  uint64_t kept_segments = 0;
  Window before;
  Window after;
  bool over_cap = false;  // more backups than the cap allows; a single one it always allows
  bool empty() const { return backups.empty() && runs.empty() && logs.empty() && wal.empty() && sweeps.empty(); }
  uint64_t wal_segments() const;
  uint64_t freed_now() const;  // bytes
};

/// Pure. Errors: refused when a listing was not complete, the clock is behind what the repository holds, or the
/// repository is behind what this host has seen.
Result<Plan> make_plan(const Facts& facts, const Policy& policy);

}  // namespace spendsync::retention
