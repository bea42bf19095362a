// What `check` says about a server, from facts alone.
#pragma once

#include "health/check_report.h"
#include "postgres/replication_slot.h"
#include "postgres/server_health.h"

namespace spendsync::health {

struct ServerFacts {
  postgres::ServerInfo info;
  postgres::ServerHealth health;
  std::string slot_name;
  std::optional<postgres::SlotState> slot;    // empty: there is none
  std::optional<uint64_t> pg_wal_free_bytes;  // empty: not known from here
  bool has_backups = false;                   // the repository holds some
};

/// Items server.rights, server.wal_level, server.wal_senders, server.slot, server.slot_limit, server.archiver,
/// server.durability, server.checksums, server.synchronous. Every fix is a statement or a command to type.
std::vector<CheckItem> judge_server(const ServerFacts& facts);

}  // namespace spendsync::health
