// global/pg_control (catalog/pg_control.h), versions 13 to 18.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/types.h"

namespace spendsync::postgres {

struct ControlFile {
  SystemIdentifier system_identifier;
  uint32_t control_version = 0;
  uint32_t catalog_version = 0;
  uint32_t state = 0;             // DBState
  bool is_running_state() const;  // neither shut down nor shut down in recovery
  Lsn checkpoint;
  Lsn redo;
  TimelineId timeline;
  Timestamp checkpoint_time;
  Lsn minimum_recovery_point;
  TimelineId minimum_recovery_timeline;
  uint32_t wal_level = 0;
  uint32_t max_connections = 0, max_worker_processes = 0, max_wal_senders = 0, max_prepared_transactions = 0,
           max_locks_per_transaction = 0;
  uint32_t page_size = 0;
  uint32_t relation_segment_blocks = 0;
  uint32_t wal_segment_size = 0;
  uint32_t data_checksum_version = 0;
  Lsn backup_end_point;  // on a backup taken from a standby
  bool backup_end_required = false;
  bool full_page_writes = true;  // at the last checkpoint
};

/// "in production", as pg_controldata says it.
std::string_view describe_state(uint32_t state);

/// Layouts 1300 (13 to 16), 1700 (17) and 1800 (18). Errors: corrupt when the CRC-32C does not match (read again:
/// the server writes it non-atomically, B5) or a size is impossible; unsupported for an unknown control version.
Result<ControlFile> parse_control_file(ByteView bytes);
/// Reads <data directory>/global/pg_control until its CRC matches, at most 5 times.
struct ControlFileRead {
  ControlFile control;
  Bytes bytes;
};
Result<ControlFileRead> read_control_file(const std::string& data_directory);

}  // namespace spendsync::postgres
