// How far a recovering server has come, and what its log says of where it stopped (access/transam/xlogrecovery.c).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "postgres/connection.h"

namespace spendsync::postgres {

struct RecoveryProgress {
  bool in_recovery = false;
  bool paused = false;                   // for certain, not only asked to; 14+, false before
  Lsn replayed;                          // zero before anything was
  std::optional<Timestamp> last_commit;  // of the last transaction replayed; empty: none yet, or restarted since
  /// While it recovers: the newest that the last restart point knows of. Afterwards the new one.
  TimelineId timeline;
};
Result<RecoveryProgress> read_recovery_progress(Connection& connection);

/// What one run of recovery left in the log. Read from messages in English: ServerProcess sets lc_messages.
struct RecoveryOutcome {
  enum class Stop {
    none,                // no target, or not reached
    before_transaction,  // its commit or abort was not replayed
    after_transaction,   // its commit or abort is the last thing replayed
    before_lsn,
    after_lsn,
    restore_point,
    consistency
  };
  Stop stop = Stop::none;
  bool stop_at_commit = true;  // before_transaction, after_transaction: a commit, not an abort
  uint32_t transaction = 0;
  std::optional<Timestamp> stop_time;  // of that transaction or restore point
  std::optional<Lsn> stop_lsn;
  std::string restore_point;

  std::optional<Lsn> redo_start;
  std::optional<Lsn> consistent;
  std::optional<Lsn> redo_done;               // start of the last record replayed
  std::optional<Timestamp> last_transaction;  // the last one completed before the stop: what was recovered
  std::optional<TimelineId> new_timeline;
  bool target_not_reached = false;  // "recovery ended before configured recovery target was reached"
  bool complete = false;            // "archive recovery complete"
};
/// Pure. Unknown lines are passed over; where several recoveries stand in `log`, the last one counts.
RecoveryOutcome parse_recovery_log(std::string_view log);

/// Why recovery has paused, in the server's own words with their DETAIL; empty text where it gave no reason. Nothing
/// where `log` does not end with a pause.
std::optional<std::string> pause_reason(std::string_view log);

/// The FATAL and PANIC messages in `log` with their DETAIL and HINT, newest last, at most `max_messages`, one line
/// each.
std::string last_fatal_messages(std::string_view log, size_t max_messages = 3);

}  // namespace spendsync::postgres
