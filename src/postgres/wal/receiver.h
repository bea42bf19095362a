// Streams WAL from a physical slot (the replication protocol, manual chapter "Streaming Replication Protocol").
#pragma once

#include <functional>

#include "postgres/connection.h"

namespace spendsync::postgres {

/// What IDENTIFY_SYSTEM says.
struct SystemIdentification {
  SystemIdentifier system_identifier;
  TimelineId timeline;
  Lsn flushed;  // on a standby: replayed
};
/// Both need a session with Settings::replication. Errors: those of the session.
Result<SystemIdentification> identify_system(Connection& replication, std::stop_token stop);
/// The content of a history file that the server has (TIMELINE_HISTORY). Errors: not_found.
Result<std::string> fetch_timeline_history(Connection& replication, TimelineId timeline, std::stop_token stop);

/// Delivers whole segments and, on a timeline switch, the old timeline's last, partial one.
/// One thread in poll() on the socket; answers keep-alives; reports as flushed only what is durable, so the server
/// keeps the rest (A9). Memory: one segment, reused.
class WalReceiver {
 public:
  struct Settings {
    Connection::Settings connection;  // `replication` is set by the receiver
    std::string slot;
    WalPosition start;  // the beginning of a segment
    Lsn stop_at;        // ends once everything before it was delivered; a partial last segment is not delivered
    uint32_t segment_size = 0;
    std::chrono::milliseconds status_interval{1000};
    std::chrono::milliseconds silence_max{60000};  // a server that says nothing for so long is gone
  };
  struct Handlers {
    /// A complete segment; `content` is valid during the call. Without `durable_until` it must be durable when this
    /// returns.
    std::function<Result<void>(SegmentName name, ByteView content)> on_segment;
    /// A timeline's history file, before the first segment of that timeline. Must be durable when this returns.
    std::function<Result<void>(TimelineId timeline, const std::string& content)> on_history;
    /// The last, incomplete segment of a timeline that ended (its bytes up to the switch). Must be durable when this
    /// returns, after everything that on_segment took.
    std::function<Result<void>(SegmentName name, ByteView content)> on_partial;
    /// For handlers that store in the background: the end of what is durable without a gap, asked several times a
    /// second. An error ends the run with it. Empty: what on_segment returned success for is durable.
    std::function<Result<Lsn>()> durable_until;
  };
  struct Stats {
    WalPosition end;  // everything before it was delivered and is durable
    uint64_t segments = 0;
    uint64_t bytes = 0;
  };
  /// Returns after everything before stop_at is durable and the server has taken note of it.
  /// Errors: conflict when the slot is in use (names the pid), not_found when the WAL was removed already
  /// (the slot was lost) or there is no such slot, transient when the connection broke, or the handler's own.
  static Result<Stats> run(Settings settings, const Handlers& handlers, std::stop_token stop);
};

}  // namespace spendsync::postgres
