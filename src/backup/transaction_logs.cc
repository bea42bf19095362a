#include "backup/transaction_logs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/time.h"
#include "repository/catalog.h"
#include "repository/wal_continuity.h"
#include "wal/lineage.h"
#include "wal/range.h"

namespace spendsync::backup {

namespace {

/// Where WAL ends that this run is to cover.
struct EndOfWal {
  WalPosition position;
  std::optional<Timestamp> server_time;  // read before WAL was switched: what was committed by then is before position
};

std::string describe_missing(const std::vector<SegmentRun>& missing, uint32_t segment_size) {
  uint64_t count = 0;
  for (const SegmentRun& run : missing) count += run.count();
  const SegmentRun& first = missing.front();
  const SegmentRun& last = missing.back();
  std::string names =
      count == 1 ? first.first.file_name(segment_size)
                 : fmt::format("{} to {}", first.first.file_name(segment_size), last.last.file_name(segment_size));
  return fmt::format("{} WAL segment{} missing between {} and {}: {}", count, count == 1 ? "" : "s",
                     first.first.start(segment_size).to_string(), last.last.end(segment_size).to_string(), names);
}

}  // namespace

/// The steps of one run and what they hand to each other.
struct TransactionLogBackup::Run {
  Run(const Settings& s, const Collaborators& c, std::stop_token token) : settings(s), collaborators(c), stop(token) {}

  const Settings& settings;
  const Collaborators& collaborators;
  std::stop_token stop;
  std::optional<postgres::Connection> control;
  postgres::ServerInfo server;
  wal::SlotReservation reservation;
  EndOfWal end;
  postgres::TimelineHistory history;  // of the server's timeline
  WalPosition begin;
  Outcome outcome;

  Result<void> connect();
  Result<void> expect_same_history();
  Result<void> reserve();
  Result<void> switch_wal();
  Result<void> choose_begin();
  Result<void> deliver();
  Result<void> settle_gap(const repository::Catalog& loaded);
  Result<void> settle_breaks();
  void recall_gap(const repository::Catalog& loaded);
  Result<void> describe();
  Result<void> commit();

  uint32_t segment_size() const { return server.wal_segment_size; }
  wal::WalPath path() const { return {history, segment_size()}; }  // to the server's timeline
  std::string wal_directory() const;
  wal::WalDelivery::Settings delivery_settings() const;
  Result<std::optional<WalPosition>> newest_known_position(const repository::Catalog& loaded);
  Result<Lsn> switched_position();
  Result<bool> lies_beyond_the_server(WalPosition known);
  bool has_backup_since(const repository::Catalog& loaded, Lsn from) const;

  std::optional<repository::Catalog> catalog;
  std::optional<std::string> gap;
};

Result<TransactionLogBackup::Outcome> TransactionLogBackup::run(std::stop_token stop) {
  Run run(settings_, collaborators_, stop);
  run.outcome.record.started = collaborators_.clock.now();
  TRY(run.connect());
  TRY(run.expect_same_history());
  TRY(run.reserve());
  TRY(run.switch_wal());
  TRY(run.choose_begin());
  TRY(run.deliver());
  TRY(run.describe());
  TRY(run.commit());
  return std::move(run.outcome);
}

Result<void> TransactionLogBackup::Run::connect() {
  control = TRY(postgres::Connection::open(settings.connection, stop));
  server = TRY(postgres::read_server_info(*control));
  const repository::ClusterIdentity& identity = collaborators.repository.identity();
  if (server.system_identifier != identity.system_identifier) {
    return Error(ErrorKind::refused,
                 fmt::format("the server is another cluster: its system identifier is {}, the repository's is {}",
                             server.system_identifier.value, identity.system_identifier.value))
        .with_condition(Condition::another_server);
  }
  if (server.version / 10000 != identity.major_version || server.wal_segment_size != identity.wal_segment_size) {
    return Error(
        ErrorKind::refused,
        fmt::format("the server (PostgreSQL {}, WAL segments of {}) is not what the repository holds (PostgreSQL "
                    "{}, {})",
                    server.version / 10000, format_bytes(server.wal_segment_size), identity.major_version,
                    format_bytes(identity.wal_segment_size)));
  }
  if (server.wal_level == "minimal") {
    return Error(ErrorKind::refused, "the server has wal_level = minimal: its WAL cannot recover a backup")
        .with_condition(Condition::wal_level_minimal)
        .with_hint("alter system set wal_level = 'replica', and restart the server");
  }
  return {};
}

/// Before anything is written and before the slot moves: WAL of a server that was put back to an earlier state must not
/// be taken for what follows the stored WAL.
Result<void> TransactionLogBackup::Run::expect_same_history() {
  if (server.in_recovery) return {};
  wal::WalLineage lineage({wal_directory(), segment_size(), server.version / 10000, server.system_identifier},
                          collaborators.archive);
  return lineage.expect_same_history(*control, server.timeline, stop);
}

/// Of the server, where it is on this host.
std::string TransactionLogBackup::Run::wal_directory() const {
  const std::string& configured = settings.data_directory;
  return (configured.empty() ? server.data_directory : configured) + "/pg_wal";
}

Result<void> TransactionLogBackup::Run::reserve() {
  reservation = TRY(wal::reserve_slot(*control, settings.slot, stop));
  outcome.notices = reservation.notices;
  return {};
}

/// Ends the current segment, so that all that is committed lies in complete ones. pg_switch_wal does nothing when
/// nothing was written since the last switch.
Result<void> TransactionLogBackup::Run::switch_wal() {
  if (server.in_recovery) {
    // A standby cannot switch: complete segments only, and no promise about its primary's clock.
    std::string received = TRY(control->query_value(
        "SELECT coalesce(greatest(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()),"
        " '0/0')::text",
        {}, stop));
    Lsn lsn = TRY(Lsn::parse(received));
    end.position = {server.timeline, Lsn{lsn.value - lsn.value % segment_size()}};
    outcome.notices.push_back(
        fmt::format("the server is a standby: WAL is covered up to {}, the last complete segment it has received",
                    end.position.lsn.to_string()));
    return {};
  }
  std::string now = TRY(control->query_value(
      "SELECT to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')", {},
      stop));
  end.server_time = TRY(parse_rfc3339(now));
  Lsn switched = TRY(switched_position());
  end.position = {server.timeline, switched};
  return {};
}

Result<Lsn> TransactionLogBackup::Run::switched_position() {
  auto switched = control->query_value("SELECT pg_catalog.pg_switch_wal()::text", {}, stop);
  if (switched) return Lsn::parse(*switched);
  Error error = std::move(switched).error().with_context("switching to a new WAL segment");
  if (error.is(ErrorKind::denied)) {
    return std::move(error).with_hint("as a superuser: grant execute on function pg_switch_wal() to the backup's role");
  }
  return error;
}

/// Requires the end: what was known before may lie on a branch that this server has left.
Result<void> TransactionLogBackup::Run::choose_begin() {
  catalog = TRY(repository::Catalog::load(collaborators.repository, stop));
  history = TRY(wal::WalDelivery(delivery_settings(), {collaborators.archive, collaborators.clock, collaborators.log,
                                                       collaborators.progress})
                    .store_histories(server.timeline, stop));
  Lsn slot_begin = std::min(reservation.slot.restart_lsn.value_or(end.position.lsn), end.position.lsn);
  auto known = TRY(newest_known_position(*catalog));
  if (!known) {
    begin = {history.timeline_at(slot_begin), slot_begin};
    return {};
  }
  if (history.contains(*known)) {
    // Another run may have switched and recorded meanwhile.
    bool is_behind = TRY(lies_beyond_the_server(*known));
    if (is_behind) {
      return repository::wal_diverged(
          fmt::format("the last record ended at {} on timeline {}, and the server is only at {}",
                      known->lsn.to_string(), known->timeline.value, end.position.lsn.to_string()));
    }
    begin = known->lsn <= end.position.lsn ? *known : end.position;
    return {};
  }
  if (auto fork = history.left_at(known->timeline)) {
    // What was archived beyond the fork stays in the repository; this server never had it.
    begin = {history.timeline_at(*fork), *fork};
    outcome.notices.push_back(fmt::format(
        "timeline {} forked off timeline {} at {}, before {} where the last record ended: this record begins there",
        server.timeline.value, known->timeline.value, fork->to_string(), known->lsn.to_string()));
    return {};
  }
  begin = {history.timeline_at(slot_begin), slot_begin};
  gap = fmt::format("timeline {} does not descend from timeline {}, on which the last record ended at {}",
                    server.timeline.value, known->timeline.value, known->lsn.to_string());
  return {};
}

/// Asked anew: another run may have switched WAL and put its record since this one did.
Result<bool> TransactionLogBackup::Run::lies_beyond_the_server(WalPosition known) {
  if (known.lsn <= end.position.lsn || server.in_recovery) return false;
  auto text = TRY(control->query_value("SELECT pg_catalog.pg_current_wal_insert_lsn()::text", {}, stop));
  auto insert = TRY(Lsn::parse(text));
  return known.lsn > insert;
}

/// The end of the newest readable log record, else the newest backup's start.
Result<std::optional<WalPosition>> TransactionLogBackup::Run::newest_known_position(const repository::Catalog& loaded) {
  for (auto entry = loaded.logs().rbegin(); entry != loaded.logs().rend(); ++entry) {
    if (!entry->record) {
      outcome.warnings.push_back(
          fmt::format("log record {} cannot be read: {}", entry->label.text(), entry->record.error().message()));
      continue;
    }
    if (entry->record->ranges.empty()) continue;
    const repository::WalRange& last = entry->record->ranges.back();
    return std::optional(WalPosition{last.timeline, last.to});
  }
  const repository::ManifestSummary* newest = loaded.newest();
  if (newest == nullptr) return std::optional<WalPosition>();
  return std::optional(newest->start);
}

wal::WalDelivery::Settings TransactionLogBackup::Run::delivery_settings() const {
  wal::WalDelivery::Settings delivery;
  delivery.connection = settings.connection;
  delivery.slot = settings.slot;
  delivery.segment_size = segment_size();
  delivery.major_version = server.version / 10000;
  delivery.system_identifier = server.system_identifier;
  delivery.wal_directory = wal_directory();
  delivery.delivery_timeout = settings.delivery_timeout;
  delivery.busy_timeout = settings.busy_timeout;
  delivery.workers = settings.workers;
  delivery.change_maps = settings.change_maps;
  return delivery;
}

Result<void> TransactionLogBackup::Run::deliver() {
  wal::WalDelivery delivery(delivery_settings(),
                            {collaborators.archive, collaborators.clock, collaborators.log, collaborators.progress});
  auto delivered = TRY(delivery.deliver_all(*control, {begin, end.position}, stop));
  outcome.path = delivered.path;
  outcome.segments_stored = delivered.segments;
  std::ranges::move(delivered.warnings, std::back_inserter(outcome.warnings));
  outcome.record.ranges = std::move(delivered.ranges);
  return settle_gap(*catalog);
}

/// Proves the range by listing. What is missing now is missing for good: the server was asked for all of it.
Result<void> TransactionLogBackup::Run::settle_gap(const repository::Catalog& loaded) {
  auto missing = TRY(wal::missing_segments(collaborators.archive, outcome.record.ranges, segment_size()));
  if (!missing.empty()) {
    const SegmentName last = missing.back().last;
    Lsn after = last.end(segment_size());
    if (after >= end.position.lsn) {
      return Error(ErrorKind::not_found,
                   fmt::format("{}; nothing after it is in the repository", describe_missing(missing, segment_size())))
          .with_condition(Condition::wal_gap)
          .with_hint("run backup full: this server's WAL no longer connects to what is kept");
    }
    std::string what = describe_missing(missing, segment_size());
    gap = gap ? *gap + "; " + what : what;
    outcome.record.ranges = TRY(path().ranges(after, end.position.lsn));
  }
  TRY(settle_breaks());
  if (!gap && reservation.was_lost) {
    outcome.notices.push_back("the slot was lost, but the server still had all WAL that was missing: there is no gap");
  }
  if (!gap) {
    recall_gap(loaded);
    return {};
  }
  outcome.needs_full = !has_backup_since(loaded, outcome.record.ranges.front().from);
  outcome.warnings.push_back(
      fmt::format("there is a gap: {}; {}", *gap,
                  outcome.needs_full ? "no moment after it can be recovered until a new full backup is made: run "
                                       "backup full now"
                                     : "moments inside it cannot be recovered"));
  return {};
}

/// Segments may all be there and yet not be one history: where the server's timeline forked off after it had been put
/// back to an earlier state, what is stored before the fork is not what led to it. That is a gap like any other.
Result<void> TransactionLogBackup::Run::settle_breaks() {
  const auto& ranges = outcome.record.ranges;
  auto joined = wal::joined_segments(path(), ranges);
  auto breaks = TRY(repository::find_breaks(collaborators.archive, joined, stop));
  if (breaks.empty()) return {};
  const auto& last = breaks.back();
  Lsn anew = last.after.start(segment_size());
  if (anew > ranges.front().from) {
    outcome.record.ranges = TRY(path().ranges(anew, end.position.lsn));
  }
  std::string what = last.describe(segment_size());
  gap = gap ? *gap + "; " + what : what;
  return {};
}

/// A gap that an earlier run found demands its backup until there is one.
void TransactionLogBackup::Run::recall_gap(const repository::Catalog& loaded) {
  for (auto entry = loaded.logs().rbegin(); entry != loaded.logs().rend(); ++entry) {
    if (!entry->record || !entry->record->gap || entry->record->ranges.empty()) continue;
    if (has_backup_since(loaded, entry->record->ranges.front().from)) return;
    outcome.needs_full = true;
    outcome.warnings.push_back(fmt::format("the gap that {} recorded is still open ({}): run backup full now",
                                           entry->label.text(), *entry->record->gap));
    return;
  }
}

bool TransactionLogBackup::Run::has_backup_since(const repository::Catalog& loaded, Lsn from) const {
  auto backups = loaded.readable_backups();
  return std::ranges::any_of(backups, [&](const repository::ManifestSummary* backup) {
    return backup->type() == BackupType::full && backup->start.lsn >= from &&
           backup->stop.lsn <= outcome.record.ranges.back().to && history.contains(backup->stop);
  });
}

Result<void> TransactionLogBackup::Run::describe() {
  repository::LogRecord& record = outcome.record;
  auto commits =
      TRY(wal::find_commits(collaborators.archive, record.ranges, {segment_size(), server.version / 10000}, stop));
  record.first_commit = commits.first;
  record.last_commit = commits.last;
  auto stored = TRY(wal::measure_stored(collaborators.archive, record.ranges, segment_size()));
  record.segments = stored.segments;
  record.stored_bytes = stored.stored_bytes;
  record.gap = gap;

  const std::string& configured = settings.data_directory;
  auto retention = TRY(
      wal::read_wal_retention(*control, settings.slot, configured.empty() ? server.data_directory : configured, stop));
  record.slot = settings.slot;
  record.slot_state = retention.summary();
  std::ranges::copy(retention.warnings, std::back_inserter(outcome.warnings));
  outcome.retention = std::move(retention);
  return {};
}

Result<void> TransactionLogBackup::Run::commit() {
  repository::LogRecord& record = outcome.record;
  record.label = repository::Label::make(record.started, BackupType::transaction_logs);
  record.host = settings.host;
  record.tool_version = settings.tool_version;
  record.finished = collaborators.clock.now();
  // A standby cannot tell its primary's time: what its last commit says is certain.
  Timestamp last_commit = record.last_commit ? record.last_commit->time : Timestamp{};
  record.covered_until = end.server_time.value_or(last_commit);
  if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the log record was written");
  outcome.label = TRY(repository::put_log_record(collaborators.repository, record, stop));
  record.label = outcome.label;
  return {};
}

}  // namespace spendsync::backup
