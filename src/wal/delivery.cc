#include "wal/delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/time.h"
#include "postgres/wal/receiver.h"
#include "wal/lineage.h"
#include "wal/range.h"
#include "wal/uploader.h"

namespace spendsync::wal {

namespace {

constexpr std::chrono::milliseconds kPoll{250};

std::string describe_runs(const std::vector<SegmentRun>& runs, uint32_t segment_size) {
  uint64_t count = 0;
  for (const SegmentRun& run : runs) count += run.count();
  std::string first = runs.front().first.file_name(segment_size);
  if (count == 1) return fmt::format("WAL segment {}", first);
  return fmt::format("{} WAL segments, {} to {}", count, first, runs.back().last.file_name(segment_size));
}

/// One line of pg_stat_archiver for a message.
std::string describe_archiver(postgres::Connection& control, std::stop_token stop) {
  auto rows = control.query(
      "SELECT coalesce(last_archived_wal, 'none'), failed_count::text, coalesce(last_failed_wal, ''),"
      " coalesce(to_char(last_failed_time, 'YYYY-MM-DD HH24:MI:SS TZ'), '') FROM pg_catalog.pg_stat_archiver",
      {}, stop);
  if (!rows || rows->rows.size() != 1) return "pg_stat_archiver cannot be read";
  const auto& row = rows->rows[0];
  std::string text =
      fmt::format("pg_stat_archiver: last archived {}, {} failures", row[0].value_or(""), row[1].value_or(""));
  if (!row[2].value_or("").empty()) text += fmt::format(", the last of {} at {}", *row[2], row[3].value_or(""));
  return text;
}

/// A segment in which timelines change is streamed from the newest that begins in it, as a standby asks for it
/// (walreceiver.c, RequestXLogStreaming): it holds a copy of what the older ones had, whose own files may be gone.
WalPosition beginning_of(SegmentName name, uint32_t segment_size) { return {name.timeline, name.start(segment_size)}; }

/// The first segment on the way from `begin` on that the repository lacks, as the position where streaming must begin.
/// Empty: it has everything up to `until`.
Result<std::optional<WalPosition>> first_missing(repository::WalArchive& archive,
                                                 const postgres::TimelineHistory& history, WalPosition begin, Lsn until,
                                                 uint32_t segment_size) {
  // A segment's beginning may lie before the timeline that it is streamed from.
  auto ranges = TRY(WalPath(history, segment_size).ranges(begin.lsn, until));
  auto missing = TRY(missing_segments(archive, ranges, segment_size));
  if (missing.empty()) return std::optional<WalPosition>();
  return std::optional(beginning_of(missing.front().first, segment_size));
}

Result<void> put_history(repository::WalArchive& archive, TimelineId timeline, const std::string& content) {
  auto put = archive.put_history(timeline, content);
  if (put) return {};
  Error error = std::move(put).error().with_context(fmt::format("storing {}.history", timeline.to_hex()));
  if (!error.is(ErrorKind::conflict)) return error;
  return std::move(error).with_hint(
      "two servers made a timeline of that number; one is probably a restored copy, which must not archive here: give "
      "it "
      "a repository of its own or archive_mode = off");
}

}  // namespace

std::string_view to_string(DeliveryPath path) {
  switch (path) {
    case DeliveryPath::nothing_needed:
      return "nothing needed";
    case DeliveryPath::streamed:
      return "streamed";
    case DeliveryPath::archive_command:
      return "archive_command";
    case DeliveryPath::agent:
      return "agent";
  }
  return "streamed";
}

struct WalDelivery::Plan {
  postgres::TimelineHistory history;
  postgres::SlotState slot;
  std::vector<repository::WalRange> wanted;
  Lsn until;
  bool server_is_standby = false;
  WalPosition begin;       // of what wanted and slot ask for together, at a segment's beginning
  WalPosition slot_begin;  // of what the slot is sure to hold
};

struct WalDelivery::Streamed {
  uint64_t segments = 0;
  uint64_t bytes = 0;
};

Result<WalDelivery::Outcome> WalDelivery::deliver_until(postgres::Connection& control, const Request& request,
                                                        std::stop_token stop) {
  Outcome outcome = TRY(deliver_all(control, request, stop));
  auto missing = TRY(missing_segments(collaborators_.archive, outcome.ranges, settings_.segment_size));
  if (missing.empty()) return outcome;
  return Error(ErrorKind::not_found, fmt::format("{} not in the repository, and the server has removed it",
                                                 describe_runs(missing, settings_.segment_size)))
      .with_condition(Condition::wal_gap)
      .with_hint("take a new full backup; a larger max_slot_wal_keep_size keeps more WAL for the slot");
}

Result<WalDelivery::Outcome> WalDelivery::deliver_all(postgres::Connection& control, const Request& request,
                                                      std::stop_token stop) {
  Plan plan = TRY(make_plan(control, request, stop));
  TRY(compare_stored(plan, stop));
  Outcome outcome;
  outcome.ranges = plan.wanted;
  auto missing_first =
      TRY(first_missing(collaborators_.archive, plan.history, plan.begin, plan.until, settings_.segment_size));
  if (missing_first) {
    outcome.path = TRY(choose_path(control, plan, stop));
    bool delivered = false;
    if (outcome.path != DeliveryPath::streamed) delivered = TRY(wait_for_others(plan, stop));
    if (delivered) TRY(compare_stored(plan, stop));
    if (!delivered && outcome.path == DeliveryPath::agent) {
      return Error(ErrorKind::transient,
                   fmt::format("the agent (pid {}) holds slot \"{}\" but has delivered no WAL for {} s",
                               plan.slot.active_pid.value_or(0), settings_.slot, settings_.delivery_timeout.count()));
    }
    if (!delivered && outcome.path == DeliveryPath::archive_command) {
      outcome.warnings.push_back(
          fmt::format("archive_command has delivered no WAL for {} s, so it is streamed from slot \"{}\" ({})",
                      settings_.delivery_timeout.count(), settings_.slot, describe_archiver(control, stop)));
      outcome.path = DeliveryPath::streamed;
    }
    // What the slot keeps from before archive_command was at work comes from the slot alone.
    auto rest =
        TRY(first_missing(collaborators_.archive, plan.history, plan.begin, plan.until, settings_.segment_size));
    if (rest && outcome.path == DeliveryPath::archive_command) outcome.path = DeliveryPath::streamed;
    if (outcome.path == DeliveryPath::streamed) {
      Streamed streamed = TRY(stream(plan, stop));
      outcome.segments = streamed.segments;
      outcome.bytes = streamed.bytes;
    }
  }
  if (outcome.path != DeliveryPath::streamed && outcome.path != DeliveryPath::agent) {
    TRY(release_slot(control, plan, stop));
  }
  return outcome;
}

Result<WalDelivery::Plan> WalDelivery::make_plan(postgres::Connection& control, const Request& request,
                                                 std::stop_token stop) {
  Plan plan;
  plan.until = request.until.lsn;
  auto in_recovery = TRY(control.query_value("SELECT pg_catalog.pg_is_in_recovery()::text", {}, stop));
  plan.server_is_standby = in_recovery != "false";
  auto slot = TRY(postgres::find_slot(control, settings_.slot));
  if (!slot || slot->is_lost()) {
    return Error(ErrorKind::not_found,
                 fmt::format("the replication slot \"{}\" is {}", settings_.slot, slot ? "lost" : "not there"))
        .with_condition(Condition::slot_lost)
        .with_hint("backup full and backup transaction_logs make it again");
  }
  plan.slot = *std::move(slot);
  plan.history = TRY(store_histories(request.until.timeline, stop));
  const WalPath path(plan.history, settings_.segment_size);
  plan.wanted = TRY(path.ranges(request.from, plan.until));

  auto at_segment = [&](Lsn lsn) {
    return beginning_of(path.at(lsn.value / settings_.segment_size), settings_.segment_size);
  };
  plan.slot_begin = at_segment(std::min(*plan.slot.restart_lsn, plan.until));
  plan.begin = at_segment(std::min(request.from.lsn, plan.slot_begin.lsn));
  return plan;
}

Result<postgres::TimelineHistory> WalDelivery::store_histories(TimelineId timeline, std::stop_token stop) {
  if (timeline.value == 1) return postgres::initial_history(timeline);
  auto connection_settings = settings_.connection;
  connection_settings.replication = true;
  auto session = TRY(postgres::Connection::open(connection_settings, stop));
  std::string text = TRY(postgres::fetch_timeline_history(session, timeline, stop));
  auto history = TRY(postgres::parse_timeline_history(timeline, text));
  for (const auto& ancestor : history.ancestors) {
    if (ancestor.timeline.value == 1) continue;
    auto older = postgres::fetch_timeline_history(session, ancestor.timeline, stop);
    if (older) {
      TRY(put_history(collaborators_.archive, ancestor.timeline, *older));
    } else if (older.error().is(ErrorKind::cancelled)) {
      return std::move(older).error();
    }
    // A server made from a backup does not have its ancestors' files; the newest names all of them.
  }
  TRY(put_history(collaborators_.archive, timeline, text));
  return history;
}

/// Whether somebody else delivers. Waits out a slot whose last user was killed a moment ago, and another run of this
/// program for as long as it gets on: schedules begin a full and a log backup in the same minute.
Result<DeliveryPath> WalDelivery::choose_path(postgres::Connection& control, const Plan& plan, std::stop_token stop) {
  auto deadline = collaborators_.clock.monotonic() + settings_.busy_timeout;
  std::optional<Lsn> held_at = plan.slot.restart_lsn;
  bool told = false;
  std::optional<int> pid = plan.slot.active ? plan.slot.active_pid.value_or(0) : std::optional<int>();
  while (pid) {
    auto rows = TRY(control.query("SELECT application_name FROM pg_catalog.pg_stat_activity WHERE pid = $1::int",
                                  {std::to_string(*pid)}, stop));
    auto holder = rows.rows.size() == 1 ? rows.rows[0][0].value_or("") : std::string();
    if (holder == settings_.agent_application_name) return DeliveryPath::agent;
    bool is_ours = holder == settings_.connection.application_name;
    if (is_ours && !told) {
      collaborators_.log.info(fmt::format(
          "another run of this program streams from slot \"{}\": waiting while it gets on", settings_.slot));
      collaborators_.progress.begin_phase("waiting for another run", 0);
      deadline = collaborators_.clock.monotonic() + settings_.delivery_timeout;
      told = true;
    }
    if (collaborators_.clock.monotonic() > deadline) {
      return Error(ErrorKind::conflict,
                   fmt::format("the replication slot \"{}\" is in use by another process (server pid {})",
                               settings_.slot, *pid))
          .with_condition(Condition::slot_in_use)
          .with_hint("another run is at work, or a foreign program streams from our slot: wait for it, or end it");
    }
    TRY(collaborators_.clock.sleep_for(kPoll, stop));
    auto slot = TRY(postgres::find_slot(control, settings_.slot));
    if (is_ours && slot && slot->restart_lsn != held_at) {
      held_at = slot->restart_lsn;
      deadline = collaborators_.clock.monotonic() + settings_.delivery_timeout;
    }
    pid = slot && slot->active ? slot->active_pid.value_or(0) : std::optional<int>();
  }
  auto rows =
      TRY(control.query("SELECT (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'archive_mode'),"
                        " (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'archive_command'), "
                        "pg_catalog.pg_is_in_recovery()::text",
                        {}, stop));
  if (rows.rows.size() != 1 || rows.rows[0].size() != 3) return DeliveryPath::streamed;
  std::string mode = rows.rows[0][0].value_or("off");
  bool archives = mode == "always" || (mode == "on" && rows.rows[0][2].value_or("") == "false");
  bool is_ours = rows.rows[0][1].value_or("").find("wal push") != std::string::npos;
  return archives && is_ours ? DeliveryPath::archive_command : DeliveryPath::streamed;
}

/// False when nothing has arrived for `delivery_timeout`.
Result<bool> WalDelivery::wait_for_others(const Plan& plan, std::stop_token stop) {
  uint64_t last_missing = UINT64_MAX;
  auto last_arrival = collaborators_.clock.monotonic();
  collaborators_.progress.begin_phase("waiting for WAL", 0);
  while (true) {
    auto missing = TRY(missing_segments(collaborators_.archive, plan.wanted, settings_.segment_size));
    if (missing.empty()) return true;
    uint64_t count = 0;
    for (const SegmentRun& run : missing) count += run.count();
    auto now = collaborators_.clock.monotonic();
    if (count < last_missing) last_arrival = now;
    last_missing = count;
    if (now - last_arrival > settings_.delivery_timeout) return false;
    TRY(collaborators_.clock.sleep_for(kPoll, stop));
  }
}

/// From the first byte that is wanted or kept; where the server has removed that, from what the slot still holds.
Result<WalDelivery::Streamed> WalDelivery::stream(Plan& plan, std::stop_token stop) {
  auto start = TRY(first_missing(collaborators_.archive, plan.history, plan.begin, plan.until, settings_.segment_size));
  if (!start) return Streamed{};
  auto streamed = stream_from(plan, *start, stop);
  if (streamed) return streamed;
  bool other_history = streamed.error().condition() == Condition::wal_diverged;
  if (other_history && start->timeline < plan.history.timeline()) {
    leave_out_ancestors(plan, streamed.error());
    return stream(plan, stop);
  }
  if (!streamed.error().is(ErrorKind::not_found) || start->lsn >= plan.slot_begin.lsn) return streamed;
  collaborators_.log.warning("the server has removed WAL that is not in the repository",
                             {{"from", start->lsn.to_string()}, {"slot_holds_from", plan.slot_begin.lsn.to_string()}});
  start = TRY(first_missing(collaborators_.archive, plan.history, plan.slot_begin, plan.until, settings_.segment_size));
  if (!start) return Streamed{};
  return stream_from(plan, *start, stop);
}

/// The server goes from one timeline to the next as its history file says, line by line. Where that is not the way of a
/// recovery, each timeline's segments are asked for by themselves: a segment in which a timeline begins may be
/// streamed from its start, and what leads there is in it.
Result<WalDelivery::Streamed> WalDelivery::stream_from(const Plan& plan, WalPosition start, std::stop_token stop) {
  const WalPath path(plan.history, settings_.segment_size);
  auto before = [&](SegmentName first) {
    return first.number == 0 ? std::optional<SegmentName>() : path.at(first.number - 1);
  };
  if (plan.history.uses_every_ancestor()) {
    return stream_range(start, plan.until,
                        before(SegmentName::containing(start.timeline, start.lsn, settings_.segment_size)), stop);
  }
  auto ranges = TRY(path.ranges(start.lsn, plan.until));
  auto missing = TRY(missing_segments(collaborators_.archive, ranges, settings_.segment_size));
  Streamed streamed;
  for (const SegmentRun& run : missing) {
    Lsn until = std::min(plan.until, run.last.end(settings_.segment_size));
    auto done = TRY(stream_range(beginning_of(run.first, settings_.segment_size), until, before(run.first), stop));
    streamed.segments += done.segments;
    streamed.bytes += done.bytes;
  }
  return streamed;
}

Result<WalDelivery::Streamed> WalDelivery::stream_range(WalPosition start, Lsn until, std::optional<SegmentName> before,
                                                        std::stop_token stop) {
  collaborators_.progress.begin_phase("streaming WAL", until.value - start.lsn.value);
  WalUploader uploader({.segment_size = settings_.segment_size,
                        .major_version = settings_.major_version,
                        .system_identifier = settings_.system_identifier,
                        .workers = settings_.workers,
                        .buffer_bytes = settings_.buffer_bytes,
                        .change_maps = settings_.change_maps,
                        .before_first = before,
                        .wal_directory = settings_.wal_directory},
                       collaborators_.archive, collaborators_.progress, stop);
  postgres::WalReceiver::Settings receiver;
  receiver.connection = settings_.connection;
  receiver.slot = settings_.slot;
  receiver.start = start;
  receiver.stop_at = until;
  receiver.segment_size = settings_.segment_size;
  postgres::WalReceiver::Handlers handlers;
  handlers.on_segment = [&](SegmentName name, ByteView content) { return uploader.add(name, content); };
  handlers.on_history = [&](TimelineId timeline, const std::string& content) {
    return put_history(collaborators_.archive, timeline, content);
  };
  handlers.on_partial = [&](SegmentName name, ByteView content) -> Result<void> {
    // As the server names and fills it at a promotion (xlog.c: CleanupAfterArchiveRecovery): whole, zeros at the end.
    Bytes whole(settings_.segment_size);
    std::ranges::copy(content, whole.begin());
    auto put = collaborators_.archive.put_file(name.file_name(settings_.segment_size) + ".partial", whole);
    if (put || !put.error().is(ErrorKind::conflict)) return put ? ok() : Result<void>(std::move(put).error());
    // archive_command delivered the old primary's own, which may end elsewhere. No recovery reads either of them: the
    // next timeline's segment begins with these bytes.
    collaborators_.log.info("the repository has another partial segment already",
                            {{"file", name.file_name(settings_.segment_size) + ".partial"}});
    return {};
  };
  handlers.durable_until = [&] { return uploader.durable_until(); };
  auto received = postgres::WalReceiver::run(std::move(receiver), handlers, stop);
  if (!received) return std::move(received).error();
  auto stored = TRY(uploader.finish());
  return Streamed{stored.segments, stored.bytes};
}

/// What the server may remove once the slot moves on, or once a record says that it is stored. What is stored of a
/// timeline that it has left may be another history's, after `timeline fork`: then nothing before the fork is wanted.
Result<void> WalDelivery::compare_stored(Plan& plan, std::stop_token stop) {
  if (plan.server_is_standby || settings_.wal_directory.empty()) return {};
  WalLineage lineage(
      {settings_.wal_directory, settings_.segment_size, settings_.major_version, settings_.system_identifier},
      collaborators_.archive);
  TRY(lineage.compare(plan.history.timeline(), plan.begin.lsn, plan.until, stop));
  for (const auto& entry : plan.history.entries) {
    if (!entry.end || *entry.end <= plan.begin.lsn) continue;
    auto same = lineage.compare(entry.timeline, plan.begin.lsn, std::min(*entry.end, plan.until), stop);
    if (!same && same.error().condition() == Condition::wal_diverged) {
      leave_out_ancestors(plan, same.error());
      return {};
    }
    TRY(std::move(same));
  }
  return {};
}

/// The rest of the older timelines would not join what is stored of them; it is a gap, as the caller will find.
void WalDelivery::leave_out_ancestors(Plan& plan, const Error& why) {
  collaborators_.log.warning(fmt::format("WAL of the timelines before {} is left out, as what is stored of them is "
                                         "another history's: {}",
                                         plan.history.timeline().value, why.message()),
                             {});
  Lsn fork = plan.history.entries.back().begin;
  plan.begin = beginning_of(SegmentName::containing(plan.history.timeline(), fork, settings_.segment_size),
                            settings_.segment_size);
  if (plan.slot_begin.lsn < plan.begin.lsn) plan.slot_begin = plan.begin;
}

/// Others delivered: the slot has seen none of it and would keep it for ever.
Result<void> WalDelivery::release_slot(postgres::Connection& control, const Plan& plan, std::stop_token stop) {
  auto kept =
      TRY(first_missing(collaborators_.archive, plan.history, plan.slot_begin, plan.until, settings_.segment_size));
  // The segment that ends at `until` is complete: WAL was switched there. The server takes no more than it has flushed.
  uint64_t size = settings_.segment_size;
  Lsn durable = kept ? kept->lsn : Lsn{(plan.until.value + size - 1) / size * size};
  if (durable <= *plan.slot.restart_lsn) return {};
  auto advanced = advance_slot(control, settings_.slot, durable, stop);
  // Somebody who streams from it moves it himself.
  if (!advanced && !advanced.error().is(ErrorKind::conflict)) return advanced;
  return {};
}

}  // namespace spendsync::wal
