// Streams WAL from a physical slot (the replication protocol, manual chapter "Streaming Replication Protocol").
#pragma once

#include <functional>

#include "postgres/connection.h"

namespace spendsync::postgres {

/// Delivers whole segments and, on a timeline switch, the old timeline's last, partial one.
/// One thread in poll() on the socket; answers keep-alives; reports as flushed only what `on_segment` has returned
/// success for, so the server keeps the rest (A9).
class WalReceiver {
 public:
  struct Settings {
    Connection::Settings connection;  // `replication` is set by the receiver
    std::string slot;
    WalPosition start;  // the beginning of a segment
    Lsn stop_at;        // ends once everything before it was delivered; a partial last segment is not delivered
    uint32_t segment_size = 0;
    std::chrono::milliseconds status_interval{1000};
  };
  struct Handlers {
    /// A complete segment; `content` is valid during the call. Must be durable when it returns.
    std::function<Result<void>(SegmentName name, ByteView content)> on_segment;
    /// A timeline's history file, before the first segment of that timeline.
    std::function<Result<void>(TimelineId timeline, const std::string& content)> on_history;
    /// The last, incomplete segment of a timeline that ended (its bytes up to the switch).
    std::function<Result<void>(SegmentName name, ByteView content)> on_partial;
  };
  struct Stats {
    WalPosition end;  // everything before it was delivered
    uint64_t segments = 0;
    uint64_t bytes = 0;
  };
  /// Errors: conflict when the slot is in use (names the pid), not_found when the WAL was removed already
  /// (the slot was lost), transient when the connection broke, or the handler's own.
  static Result<Stats> run(Settings settings, const Handlers& handlers, std::stop_token stop);
};

}  // namespace spendsync::postgres
