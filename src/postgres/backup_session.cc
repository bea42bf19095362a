#include "postgres/backup_session.h"

#include <fmt/format.h>

#include "postgres/sql_values.h"

namespace spendsync::postgres {
namespace {

constexpr int kRenamedIn = 15;  // pg_start_backup became pg_backup_start

/// The timeline at which the server stands. On a standby: the newest that control data and WAL receiver know of.
constexpr const char* kTimelineSql =
    "SELECT CASE WHEN pg_is_in_recovery() THEN"
    " greatest(c.timeline_id, r.min_recovery_end_timeline, (SELECT max(received_tli) FROM "
    "pg_stat_wal_receiver))::bigint"
    " ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END,"
    " pg_is_in_recovery(), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    " FROM pg_control_checkpoint() c, pg_control_recovery() r";

struct ServerState {
  TimelineId timeline;
  bool in_recovery = false;
  Timestamp now;
};

Result<ServerState> read_server_state(Connection& connection, std::stop_token stop) {
  auto rows = TRY(connection.query(kTimelineSql, {}, stop));
  auto row = TRY(RowReader::single(rows, 3));
  ServerState state;
  state.timeline.value = TRY(row.u32());
  state.in_recovery = TRY(row.boolean());
  state.now = TRY(row.microseconds());
  return state;
}

Error explain_start_failure(Error error, int major) {
  if (error.is(ErrorKind::denied)) {
    return std::move(error).with_hint(
        major >= kRenamedIn ? "grant execute on pg_backup_start(text, boolean) and pg_backup_stop(boolean) to the role"
                            : "grant execute on pg_start_backup(text, boolean, boolean) and pg_stop_backup(boolean, "
                              "boolean) to the role");
  }
  return std::move(error).with_context("starting the backup on the server");
}

Error explain_stop_failure(Error error, bool from_standby) {
  // xlog.c raises "the standby was promoted during online backup" with the same SQLSTATE as other states.
  bool refused = error.is(ErrorKind::refused);
  if (from_standby && refused && error.message().find("promoted") != std::string::npos) {
    return Error(ErrorKind::conflict, error.message()).with_hint("start a new backup: this one cannot be completed");
  }
  return std::move(error).with_context("stopping the backup on the server");
}

}  // namespace

Result<BackupSession> BackupSession::start(Connection connection, Settings settings, std::stop_token stop) {
  auto before = TRY(read_server_state(connection, stop));
  int major = connection.server_major();
  const char* sql = major >= kRenamedIn ? "SELECT pg_backup_start($1, $2::boolean)"
                                        : "SELECT pg_start_backup($1, $2::boolean, false)";
  auto text = connection.query_value(sql, {settings.label, settings.fast_checkpoint ? "true" : "false"}, stop);
  if (!text) return explain_start_failure(std::move(text).error(), major);
  auto lsn = TRY(Lsn::parse(*text));
  auto state = TRY(read_server_state(connection, stop));
  if (state.in_recovery != before.in_recovery) {
    return Error(ErrorKind::conflict, "the standby was promoted while the backup started")
        .with_hint("start the backup again");
  }
  return BackupSession(std::move(connection), {state.timeline, lsn}, before.now, state.in_recovery);
}

Result<BackupSession::Stopped> BackupSession::stop(std::stop_token stop) {
  auto before = read_server_state(connection_, stop);
  if (!before) return std::move(before).error().with_context("stopping the backup on the server");
  if (in_recovery_ && !before->in_recovery) {
    return Error(ErrorKind::conflict, "the standby was promoted during the backup")
        .with_hint("start a new backup: this one cannot be completed");
  }
  std::string function =
      connection_.server_major() >= kRenamedIn ? "pg_backup_stop(false)" : "pg_stop_backup(false, false)";
  auto rows = connection_.query(
      "SELECT s.lsn, s.labelfile, coalesce(s.spcmapfile, ''),"
      " (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM " +
          function + " s",
      {}, stop);
  if (!rows) return explain_stop_failure(std::move(rows).error(), in_recovery_);
  auto row = TRY(RowReader::single(*rows, 4));
  Stopped stopped;
  stopped.stop.lsn = TRY(row.lsn());
  stopped.backup_label = TRY(row.text());
  stopped.tablespace_map = TRY(row.text());
  stopped.stopped = TRY(row.microseconds());

  auto label = TRY(parse_backup_label(stopped.backup_label));
  if (label.start_lsn != start_.lsn) {
    return Error(ErrorKind::corrupt, fmt::format("the server's backup_label starts at {}, the backup at {}",
                                                 label.start_lsn.to_string(), start_.lsn.to_string()));
  }
  stopped.start = {label.timeline, label.start_lsn};
  start_.timeline = label.timeline;
  // A primary stays on its timeline. A standby may have followed its upstream to a newer one.
  stopped.stop.timeline = label.timeline;
  if (in_recovery_) {
    auto after = TRY(read_server_state(connection_, stop));
    stopped.stop.timeline = after.timeline;
  }
  return stopped;
}

}  // namespace spendsync::postgres
