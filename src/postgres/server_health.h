// What an operator must know of a server before a backup: rights, limits, settings, the archiver. Changes nothing.
#pragma once

#include "postgres/connection.h"

namespace spendsync::postgres {

/// pg_stat_archiver.
struct ArchiverState {
  uint64_t failed_count = 0;
  std::string last_failed_wal;
  std::optional<Timestamp> last_archived;
  std::optional<Timestamp> last_failed;
  /// The newest attempt is a failed one.
  bool is_failing() const { return last_failed && (!last_archived || *last_failed > *last_archived); }
};

/// Beside ServerInfo: what only `check` and `status` look at.
struct ServerHealth {
  std::string version_text;  // "15.8 (Debian 15.8-0+deb12u1)"
  std::string role;
  bool may_stream = false;         // superuser or REPLICATION
  bool may_read_settings = false;  // superuser or pg_read_all_settings
  std::string start_function;      // with its argument types, as GRANT spells it
  std::string stop_function;
  bool may_start_backup = false;
  bool may_stop_backup = false;
  bool may_switch_wal = false;
  uint64_t wal_senders = 0;  // in use
  uint64_t max_wal_senders = 0;
  uint64_t slots = 0;  // in use
  uint64_t max_slots = 0;
  std::optional<uint64_t> slot_keep_size_bytes;  // max_slot_wal_keep_size; empty: unlimited
  uint64_t max_wal_size_bytes = 0;
  bool fsync = true;
  std::string synchronous_standby_names;
  ArchiverState archiver;
  std::optional<uint64_t> database_bytes;  // of all tablespaces; empty when the role may not ask
};
/// Errors: those of the session.
Result<ServerHealth> read_server_health(Connection& connection, std::stop_token stop);

}  // namespace spendsync::postgres
