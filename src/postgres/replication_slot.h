// The physical slot that keeps WAL until it is in the repository.
#pragma once

#include "postgres/connection.h"

namespace spendsync::postgres {

struct SlotState {
  std::string name;
  bool active = false;
  std::optional<int> active_pid;
  std::optional<Lsn> restart_lsn;        // empty: lost, or never reserved
  std::string wal_status;                // reserved, extended, unreserved, lost
  std::optional<int64_t> safe_wal_size;  // bytes until it may be lost; empty: no limit set
  uint64_t retained_bytes = 0;
  bool is_lost() const { return wal_status == "lost" || !restart_lsn; }
};

/// Empty: there is no such slot. Errors: refused when a logical slot has that name.
Result<std::optional<SlotState>> find_slot(Connection& connection, const std::string& name);
/// Creates it with WAL reserved at once (immediately_reserve). Errors: exhausted when max_replication_slots is used up
/// (hint).
Result<SlotState> create_slot(Connection& connection, const std::string& name);
/// Errors: not_found; conflict while active.
Result<void> drop_slot(Connection& connection, const std::string& name);

}  // namespace spendsync::postgres
