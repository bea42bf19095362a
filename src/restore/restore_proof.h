// The proof that a backup can be restored: what PostgreSQL's own checks say of the recovered copy.
#pragma once

#include <chrono>

#include "base/json.h"
#include "restore/recovered_cluster.h"

namespace spendsync::restore {

struct ProofFinding {
  std::string database;    // empty: not told
  std::string relation;    // "public.orders"; or its file, where no name could be found
  std::string what;        // in the check's own words
  bool in_source = false;  // the backup recorded such damage when it was made: the source was like that already
};

/// One program or extension and what it found.
struct ProofCheck {
  static constexpr size_t kFindingsKept = 100;
  enum class State {
    done,        // `why`: what was left out, where something was
    not_needed,  // `why`: data checksums are off
    not_done     // `why`: the tool is missing, or failed for another reason than damage
  };
  std::string name;  // "pg_checksums"
  State state = State::done;
  std::string why = {};
  uint64_t checked = 0;
  std::string unit = {};  // "pages", "relations"
  uint64_t findings_total = 0;
  uint64_t in_source = 0;                   // of findings_total
  std::vector<ProofFinding> findings = {};  // the first kFindingsKept

  void add(ProofFinding finding);
};

/// Value type. That there is one says that the backup was restored and recovered.
struct RestoreProof {
  std::string backup;  // label
  std::string target;  // in words
  std::optional<Timestamp> last_commit;
  std::vector<ProofCheck> checks;
  std::chrono::nanoseconds duration{0};  // restore, recovery and checks
  bool complete = true;                  // no check is not_done
  bool sound = true;                     // nothing was found
  /// Restored, recovered, every check made and nothing found.
  bool proven() const { return complete && sound; }
  uint64_t findings_total() const;
  uint64_t in_source() const;
};
Json to_json(const RestoreProof& proof);

struct ProofSettings {
  unsigned jobs = 1;                     // connections of pg_amcheck
  std::vector<std::string> known_roles;  // see RecoveredCluster::start
};

/// pg_checksums on the stopped copy; then started: every relation's file, pg_amcheck of all databases with
/// heapallindexed and parent-check, and pg_visibility's checks of every table. Makes the extensions in the copy. Leaves
/// it running. Errors: those of starting; cancelled. A check that fails is no error.
Result<RestoreProof> prove(RecoveredCluster& cluster, const ProofSettings& settings, Progress& progress,
                           std::stop_token stop);

}  // namespace spendsync::restore
