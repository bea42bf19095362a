// The replication slot that keeps what is not archived yet, and what it may cost the server.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "postgres/replication_slot.h"

namespace spendsync::wal {

/// What reserving found and did.
struct SlotReservation {
  postgres::SlotState slot;          // as it is now
  bool created = false;              // there was none, or the one there was had been lost
  bool was_lost = false;             // the server had thrown WAL away that was not archived: a new backup is needed
  std::vector<std::string> notices;  // to be printed: a created slot's name, what it retains, how to drop it
};

/// Finds the slot; creates it, with WAL reserved from now on, where there is none; drops and creates it again where
/// it was lost (the server can never use that one again). To be called before pg_backup_start, so that no WAL between
/// the start and the first streaming can be removed (A9).
/// Errors: refused when a logical slot has that name; exhausted when max_replication_slots is used up; denied.
Result<SlotReservation> reserve_slot(postgres::Connection& connection, const std::string& name, std::stop_token stop);

/// Moves an idle slot forward: what lies before `until` is durable in the repository, however it came there. Without
/// this a slot beside archive_command would keep WAL for ever. Success when it is there already.
/// Errors: conflict while somebody streams from it.
Result<void> advance_slot(postgres::Connection& connection, const std::string& name, Lsn until, std::stop_token stop);

/// What the slot holds back and how much room there is.
struct WalRetention {
  postgres::SlotState slot;
  std::optional<uint64_t> pg_wal_free_bytes;  // of the file system that holds pg_wal; empty when it cannot be told
  std::optional<uint64_t> keep_size_bytes;    // max_slot_wal_keep_size; empty: unlimited
  uint64_t max_wal_size_bytes = 0;
  std::vector<std::string> warnings;
  /// "reserved, safe_wal_size 1.0 GiB": what a log record keeps.
  std::string summary() const;
};

/// Reads the slot's state, the limit and the free space, and says in `warnings` what is dangerous about them:
/// no limit (the slot can fill the disk), a limit below max_wal_size (the slot is lost in an ordinary burst), WAL
/// already on the way out, little room left, synchronous_standby_names that would make commits wait for us.
/// `data_directory` is looked at when this process can: empty, or another host's, leaves the free space out.
/// Errors: not_found when there is no such slot; those of the session.
Result<WalRetention> read_wal_retention(postgres::Connection& connection, const std::string& name,
                                        const std::string& data_directory, std::stop_token stop);

}  // namespace spendsync::wal
