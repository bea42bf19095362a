// Getting WAL from the server into the repository: from the slot, or by waiting for whoever delivers it already.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/condition.h"
#include "base/log.h"
#include "base/progress.h"
#include "postgres/connection.h"
#include "postgres/wal/timeline_history.h"
#include "repository/wal_archive.h"
#include "wal/slot.h"

namespace spendsync::wal {

/// How the segments came.
enum class DeliveryPath {
  nothing_needed,   // all of it was in the repository already
  streamed,         // from the slot, by this process
  archive_command,  // `wal push` as the server's archive_command
  agent,            // the agent holds the slot
};
std::string_view to_string(DeliveryPath path);

/// Makes sure that WAL is in the repository. One call at a time; any thread.
///
/// Who delivers: the agent, when it holds the slot (its session's application_name tells); else archive_command, when
/// that is ours (archive_mode on and the command contains "wal push"); else this process streams from the slot. When
/// somebody else delivers, deliver_until waits as long as segments keep arriving; when none comes for
/// `delivery_timeout`, it streams itself (archive_command; with a warning that quotes pg_stat_archiver) or gives up
/// (agent). Another run of this program that streams from the slot is waited for while the slot moves. Both ways may
/// run side by side: an identical segment is no conflict.
class WalDelivery {
 public:
  struct Settings {
    postgres::Connection::Settings connection;
    std::string slot;
    uint32_t segment_size = 0;
    int major_version = 0;
    SystemIdentifier system_identifier;
    std::string wal_directory;  // the server's pg_wal, to compare what is stored with it; empty: not on this host
    std::string agent_application_name = "spendsync-backup-agent";
    std::chrono::seconds delivery_timeout{60};  // without a new segment, where somebody else delivers
    std::chrono::seconds busy_timeout{5};       // a slot may stay busy that long after its last user was killed
    unsigned workers = 2;                       // that compress, seal and store segments while the next is received
    size_t buffer_bytes = 96u << 20;            // segments in memory together; one at least
    bool change_maps = false;                   // are stored with the segments that this streams
  };
  struct Collaborators {
    repository::WalArchive& archive;
    const Clock& clock;
    Log& log;
    Progress& progress;
  };
  WalDelivery(Settings settings, Collaborators collaborators)
      : settings_(std::move(settings)), collaborators_(collaborators) {}

  struct Request {
    WalPosition from;   // the first byte that must be there: a backup's start, or where the last log record ended
    WalPosition until;  // everything before it must be there; its segment must be complete (WAL was switched)
  };
  struct Outcome {
    DeliveryPath path = DeliveryPath::nothing_needed;
    std::vector<repository::WalRange> ranges;  // [from, until), a range a timeline, oldest first: proved by listing
    uint64_t segments = 0;                     // stored by this call
    uint64_t bytes = 0;                        // of content, of those
    std::vector<std::string> warnings;
  };

  /// `control` is an ordinary session. Reserve the slot (reserve_slot) before WAL that is wanted is written.
  /// Streams everything that the slot holds and the repository does not, older WAL first, history files before all;
  /// the slot moves on only over what is durable in the repository.
  /// Before a stored segment is trusted it is compared with a primary's own (wal_lineage.h).
  /// Errors: conflict when another process (named by pid) uses the slot, or when the repository holds other bytes
  /// under a segment's name (Condition::wal_diverged where another history wrote them); not_found, naming the first
  /// missing segment, when the server has removed WAL that was wanted; transient when nothing arrived in time
  /// (explained) or the session broke; corrupt when the server's WAL is damaged (segment and position named);
  /// cancelled.
  Result<Outcome> deliver_until(postgres::Connection& control, const Request& request, std::stop_token stop);

  /// The same, but WAL that the server has removed is no error: Outcome::ranges is then what was asked for, not
  /// proved, and the caller looks for what is missing (range.h).
  Result<Outcome> deliver_all(postgres::Connection& control, const Request& request, std::stop_token stop);

  /// Puts the history file of the server's timeline, and those of its ancestors that the server still has, into the
  /// repository: history files go first (A4), so that whoever reads it can follow the segments.
  /// Errors: conflict when the repository has another file of that name: two servers made the same timeline.
  Result<postgres::TimelineHistory> store_histories(TimelineId timeline, std::stop_token stop);

 private:
  struct Plan;
  struct Streamed;
  Result<Plan> make_plan(postgres::Connection& control, const Request& request, std::stop_token stop);
  Result<DeliveryPath> choose_path(postgres::Connection& control, const Plan& plan, std::stop_token stop);
  Result<bool> wait_for_others(const Plan& plan, std::stop_token stop);
  Result<Streamed> stream(Plan& plan, std::stop_token stop);
  Result<Streamed> stream_from(const Plan& plan, WalPosition start, std::stop_token stop);
  Result<Streamed> stream_range(WalPosition start, Lsn until, std::optional<SegmentName> before, std::stop_token stop);
  Result<void> compare_stored(Plan& plan, std::stop_token stop);
  void leave_out_ancestors(Plan& plan, const Error& why);
  Result<void> release_slot(postgres::Connection& control, const Plan& plan, std::stop_token stop);

  Settings settings_;
  Collaborators collaborators_;
};

}  // namespace spendsync::wal
