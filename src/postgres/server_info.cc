#include "postgres/connection.h"
#include "postgres/sql_values.h"

namespace spendsync::postgres {
namespace {

/// Settings that only pg_read_all_settings may see are missing from pg_settings for others.
constexpr const char* kSettings =
    "SELECT name, coalesce(setting, '') FROM pg_settings WHERE name IN ('data_directory', 'config_file', 'hba_file',"
    " 'wal_level', 'archive_mode', 'archive_command', 'archive_library', 'full_page_writes')";

/// reset_val, since this session has set its own TimeZone and DateStyle; with the unit, so that it can be written
/// into a configuration file.
constexpr const char* kRecoverySettings =
    "SELECT name, coalesce(reset_val, '') || CASE WHEN vartype IN ('integer', 'real') THEN coalesce(unit, '') ELSE ''"
    " END FROM pg_settings WHERE name IN ('max_connections', 'max_worker_processes', 'max_wal_senders',"
    " 'max_prepared_transactions', 'max_locks_per_transaction', 'lc_messages', 'lc_monetary', 'lc_numeric', 'lc_time',"
    " 'TimeZone', 'log_timezone', 'DateStyle', 'default_text_search_config', 'shared_preload_libraries',"
    " 'track_commit_timestamp', 'wal_level', 'allow_in_place_tablespaces') ORDER BY name";

/// On a standby no function tells the timeline being replayed: the newest of what the control data and the WAL
/// receiver know of.
constexpr const char* kState =
    "SELECT s.system_identifier, s.catalog_version_no, i.database_block_size, i.blocks_per_segment,"
    " i.bytes_per_wal_segment, i.data_page_checksum_version, pg_is_in_recovery(),"
    " CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,"
    " CASE WHEN pg_is_in_recovery() THEN ('x' || lpad(to_hex(greatest(c.timeline_id, r.min_recovery_end_timeline,"
    "   (SELECT max(received_tli) FROM pg_stat_wal_receiver))), 8, '0'))::bit(32)::bigint"
    "  ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END,"
    " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    " FROM pg_control_system() s, pg_control_init() i, pg_control_checkpoint() c, pg_control_recovery() r";

Result<void> read_state(Connection& connection, ServerInfo& info) {
  auto rows = connection.query(kState, {});
  if (!rows && rows.error().is(ErrorKind::denied)) {
    return std::move(rows).error().with_hint(
        "grant execute on pg_control_system(), pg_control_init(), pg_control_checkpoint() and pg_control_recovery() to"
        " the role that backs up");
  }
  if (!rows) return std::move(rows).error();
  RowReader row = TRY(RowReader::single(*rows, 10));
  info.system_identifier.value = TRY(row.system_identifier());
  info.catalog_version = TRY(row.u32());
  info.page_size = TRY(row.u32());
  uint32_t segment_blocks = TRY(row.u32());
  info.relation_segment_size = segment_blocks * info.page_size;
  info.wal_segment_size = TRY(row.u32());
  info.data_checksums = TRY(row.u32()) != 0;
  info.in_recovery = TRY(row.boolean());
  info.current_lsn = TRY(row.lsn());
  info.timeline.value = TRY(row.u32());
  info.now = TRY(row.microseconds());
  return {};
}

Result<void> read_settings(Connection& connection, ServerInfo& info) {
  auto rows = TRY(connection.query(kSettings, {}));
  for (const auto& row : rows.rows) {
    const auto& name = row[0].value_or("");
    const auto& value = row[1].value_or("");
    if (name == "data_directory") info.data_directory = value;
    if (name == "config_file") info.config_file = value;
    if (name == "hba_file") info.hba_file = value;
    if (name == "wal_level") info.wal_level = value;
    if (name == "archive_mode") info.archive_mode = value;
    if (name == "archive_command") info.archive_command = value;
    if (name == "archive_library") info.archive_library = value;
    if (name == "full_page_writes") info.full_page_writes = value == "on";
  }
  if (info.data_directory.empty()) {
    return Error(ErrorKind::denied, "the server does not show where its data directory is")
        .with_hint("grant pg_read_all_settings to the role that backs up");
  }
  return {};
}

}  // namespace

Result<ServerInfo> read_server_info(Connection& connection) {
  ServerInfo info;
  info.version = connection.server_version();
  TRY(read_settings(connection, info));
  TRY(read_state(connection, info));
  auto rows = TRY(connection.query(kRecoverySettings, {}));
  for (auto& row : rows.rows) info.recovery_settings.emplace_back(row[0].value_or(""), row[1].value_or(""));
  return info;
}

}  // namespace spendsync::postgres
