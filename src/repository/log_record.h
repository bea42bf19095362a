// A transaction-log backup: the range it covers, its times, and the proof that nothing is missing (docs/format/wal.md).
#pragma once

#include <optional>
#include <vector>

#include "repository/chain.h"
#include "repository/manifest.h"

namespace spendsync::repository {

/// WAL of one timeline, [from, to).
struct WalRange {
  TimelineId timeline;
  Lsn from;
  Lsn to;
  bool operator==(const WalRange&) const = default;
};

/// A commit: when and where.
struct CommitPoint {
  Timestamp time;
  Lsn lsn;  // end of its record
  bool operator==(const CommitPoint&) const = default;
};

struct LogRecord {
  Label label = Label::make(Timestamp{}, BackupType::transaction_logs);
  std::string host;
  std::string tool_version;
  Timestamp started;
  Timestamp finished;
  std::vector<WalRange> ranges;  // oldest first, each gapless
  Timestamp covered_until;       // the server's clock when the end was read: every commit before it is inside
  std::optional<CommitPoint> first_commit;
  std::optional<CommitPoint> last_commit;
  uint64_t segments = 0;
  uint64_t stored_bytes = 0;
  std::optional<std::string> gap;  // what is missing before the range, where something is; a new backup is demanded
  std::string slot;                // name; empty: none
  std::string slot_state;          // wal_status and safe_wal_size, as reported
  std::vector<KeyRecord> keys;     // put_log_record fills this and what follows
  ChainLink chain;
};

/// The record's document, JSON (docs/format/wal.md).
std::string encode_log_record(const LogRecord& record);
/// Errors: corrupt naming the member; unsupported for a newer version.
Result<LogRecord> decode_log_record(ByteView text);

/// Takes a free label from `record.label`'s second on, extends the chain, puts the record under the WAL meta key.
/// Returns the label used. Errors: those of the store and the keys.
Result<Label> put_log_record(Repository& repository, LogRecord record, std::stop_token stop);
/// Errors: not_found, corrupt.
Result<LogRecord> get_log_record(Repository& repository, const Label& label);

}  // namespace spendsync::repository
