#include "postgres/replication_slot.h"

#include <fmt/format.h>

#include "postgres/sql_values.h"

namespace spendsync::postgres {
namespace {

/// Where the server writes; on a standby, what it has received or restored.
constexpr const char* kFindSql =
    "SELECT slot_type, active, active_pid, restart_lsn, coalesce(wal_status, ''), safe_wal_size,"
    " greatest(0, coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
    "  THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END, restart_lsn),"
    "  0))::bigint"
    " FROM pg_replication_slots WHERE slot_name = $1";

Result<SlotState> read_slot(const std::string& name, const std::vector<std::optional<std::string>>& columns) {
  RowReader row(columns);
  SlotState slot;
  slot.name = name;
  auto type = TRY(row.text());
  if (type != "physical") {
    return Error(ErrorKind::refused, fmt::format("the replication slot {} is a {} one", name, type))
        .with_hint("give our slot another name in the configuration");
  }
  slot.active = TRY(row.boolean());
  auto pid = TRY(row.optional_i64());
  if (pid) slot.active_pid = static_cast<int>(*pid);
  slot.restart_lsn = TRY(row.optional_lsn());
  slot.wal_status = TRY(row.text());
  slot.safe_wal_size = TRY(row.optional_i64());
  slot.retained_bytes = TRY(row.u64());
  return slot;
}

}  // namespace

Result<std::optional<SlotState>> find_slot(Connection& connection, const std::string& name) {
  auto rows = TRY(connection.query(kFindSql, {name}));
  if (rows.empty()) return std::optional<SlotState>();
  auto slot = TRY(read_slot(name, rows.rows[0]));
  return std::optional<SlotState>(std::move(slot));
}

Result<SlotState> create_slot(Connection& connection, const std::string& name) {
  auto created = connection.query("SELECT pg_create_physical_replication_slot($1, true)", {name});
  if (!created) {
    auto error = std::move(created).error().with_context("creating the replication slot " + name);
    if (error.is(ErrorKind::exhausted)) {
      return std::move(error).with_hint(
          "raise max_replication_slots (needs a restart), or drop a slot that is not used");
    }
    if (error.is(ErrorKind::denied)) return std::move(error).with_hint("give the role the REPLICATION attribute");
    return error;
  }
  auto slot = TRY(find_slot(connection, name));
  if (!slot)
    return Error(ErrorKind::conflict, fmt::format("the replication slot {} was dropped by somebody else", name));
  return *std::move(slot);
}

Result<void> drop_slot(Connection& connection, const std::string& name) {
  auto dropped = connection.query("SELECT pg_drop_replication_slot($1)", {name});
  if (dropped) return {};
  auto error = std::move(dropped).error().with_context("dropping the replication slot " + name);
  if (error.is(ErrorKind::conflict)) return std::move(error).with_hint("stop the process that streams from it first");
  return error;
}

}  // namespace spendsync::postgres
