#include "postgres/server_health.h"

#include <map>

#include "postgres/sql_values.h"

namespace spendsync::postgres {
namespace {

constexpr const char* kRightsSql =
    "SELECT current_user, r.rolsuper OR r.rolreplication, pg_has_role('pg_read_all_settings', 'usage'),"
    " has_function_privilege($1, 'execute'), has_function_privilege($2, 'execute'),"
    " has_function_privilege('pg_switch_wal()', 'execute'), (SELECT count(*) FROM pg_stat_replication),"
    " (SELECT count(*) FROM pg_replication_slots) FROM pg_roles r WHERE r.rolname = current_user";

constexpr const char* kSettingsSql =
    "SELECT name, coalesce(setting, '') FROM pg_settings WHERE name IN ('max_wal_senders', 'max_replication_slots',"
    " 'max_slot_wal_keep_size', 'max_wal_size', 'fsync', 'synchronous_standby_names', 'server_version')";

constexpr const char* kArchiverSql =
    "SELECT failed_count, coalesce(last_failed_wal, ''), (extract(epoch FROM last_archived_time) * 1000000)::bigint,"
    " (extract(epoch FROM last_failed_time) * 1000000)::bigint FROM pg_stat_archiver";

std::optional<Timestamp> to_time(const std::optional<int64_t>& microseconds) {
  if (!microseconds) return std::nullopt;
  return Timestamp(std::chrono::microseconds(*microseconds));
}

Result<void> read_rights(Connection& connection, ServerHealth& health, std::stop_token stop) {
  const bool modern = connection.server_major() >= 15;
  health.start_function = modern ? "pg_backup_start(text, boolean)" : "pg_start_backup(text, boolean, boolean)";
  health.stop_function = modern ? "pg_backup_stop(boolean)" : "pg_stop_backup(boolean, boolean)";
  const auto rows = TRY(connection.query(kRightsSql, {health.start_function, health.stop_function}, stop));
  RowReader row = TRY(RowReader::single(rows, 8));
  health.role = TRY(row.text());
  health.may_stream = TRY(row.boolean());
  health.may_read_settings = TRY(row.boolean());
  health.may_start_backup = TRY(row.boolean());
  health.may_stop_backup = TRY(row.boolean());
  health.may_switch_wal = TRY(row.boolean());
  health.wal_senders = TRY(row.u64());
  health.slots = TRY(row.u64());
  return {};
}

/// The server counts these two in megabytes; -1 is no limit.
std::optional<uint64_t> mebibytes(const std::string& text) {
  const long long value = std::strtoll(text.c_str(), nullptr, 10);
  if (value < 0) return std::nullopt;
  return static_cast<uint64_t>(value) << 20;
}

Result<void> read_limits(Connection& connection, ServerHealth& health, std::stop_token stop) {
  const auto rows = TRY(connection.query(kSettingsSql, {}, stop));
  std::map<std::string, std::string> settings;
  for (const auto& row : rows.rows) settings[row[0].value_or("")] = row[1].value_or("");
  health.version_text = settings["server_version"];
  health.max_wal_senders = std::strtoull(settings["max_wal_senders"].c_str(), nullptr, 10);
  health.max_slots = std::strtoull(settings["max_replication_slots"].c_str(), nullptr, 10);
  health.slot_keep_size_bytes = mebibytes(settings["max_slot_wal_keep_size"]);
  health.max_wal_size_bytes = mebibytes(settings["max_wal_size"]).value_or(0);
  health.fsync = settings["fsync"] != "off";
  health.synchronous_standby_names = settings["synchronous_standby_names"];
  return {};
}

Result<void> read_archiver(Connection& connection, ServerHealth& health, std::stop_token stop) {
  const auto rows = TRY(connection.query(kArchiverSql, {}, stop));
  RowReader row = TRY(RowReader::single(rows, 4));
  health.archiver.failed_count = TRY(row.u64());
  health.archiver.last_failed_wal = TRY(row.text());
  const auto archived = TRY(row.optional_i64());
  const auto failed = TRY(row.optional_i64());
  health.archiver.last_archived = to_time(archived);
  health.archiver.last_failed = to_time(failed);
  return {};
}

}  // namespace

Result<ServerHealth> read_server_health(Connection& connection, std::stop_token stop) {
  ServerHealth health;
  TRY(read_rights(connection, health, stop));
  TRY(read_limits(connection, health, stop));
  TRY(read_archiver(connection, health, stop));
  auto size = connection.query_value("SELECT sum(pg_tablespace_size(oid))::bigint::text FROM pg_tablespace", {}, stop);
  if (size) {
    health.database_bytes = std::strtoull(size->c_str(), nullptr, 10);
  } else if (!size.error().is(ErrorKind::denied)) {
    return std::move(size).error();
  }
  return health;
}

}  // namespace spendsync::postgres
