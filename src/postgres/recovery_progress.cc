#include "postgres/recovery_progress.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/time.h"
#include "postgres/sql_values.h"

namespace spendsync::postgres {
namespace {

constexpr int kPauseStateSince = 14;

std::string progress_sql(int major_version) {
  // Before 14 a server that cannot go on ends, and whether a pause that was asked for has begun is not told.
  const char* paused =
      major_version >= kPauseStateSince
          ? "CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE false END"
          : "false";
  return fmt::format(
      "SELECT pg_is_in_recovery(), {},"
      " coalesce(pg_last_wal_replay_lsn(), '0/0'),"
      " (extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000000)::bigint,"
      " CASE WHEN pg_is_in_recovery() THEN greatest(c.timeline_id, r.min_recovery_end_timeline)::bigint"
      "  ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END"
      " FROM pg_control_checkpoint() c, pg_control_recovery() r",
      paused);
}

/// Takes `prefix` off the front of `text`.
bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

uint32_t take_number(std::string_view& text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return error == std::errc() ? value : 0;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  auto time = parse_rfc3339(text);
  return time ? std::optional(*time) : std::nullopt;
}

/// The position at the front of `text`, in quotes or not.
std::optional<Lsn> parse_lsn(std::string_view text) {
  take(text, "\"");
  auto lsn = Lsn::parse(text.substr(0, text.find_first_not_of("0123456789ABCDEFabcdef/")));
  return lsn ? std::optional(*lsn) : std::nullopt;
}

/// "<before|after> <commit|abort> of transaction 742, time 2024-03-15 14:30:00.5+00"
/// "<before|after> WAL location (LSN) "0/3000148""
void parse_stop_at_record(std::string_view text, bool before, RecoveryOutcome& outcome) {
  using Stop = RecoveryOutcome::Stop;
  if (take(text, "WAL location (LSN) ")) {
    outcome.stop = before ? Stop::before_lsn : Stop::after_lsn;
    outcome.stop_lsn = parse_lsn(text);
    return;
  }
  if (!before && text == "reaching consistency") {
    outcome.stop = Stop::consistency;
    return;
  }
  bool commit = take(text, "commit of transaction ");
  if (!commit && !take(text, "abort of transaction ")) return;
  outcome.stop = before ? Stop::before_transaction : Stop::after_transaction;
  outcome.stop_at_commit = commit;
  outcome.transaction = take_number(text);
  if (take(text, ", time ")) outcome.stop_time = parse_time(text);
}

void parse_stop(std::string_view text, RecoveryOutcome& outcome) {
  if (take(text, "before ")) return parse_stop_at_record(text, true, outcome);
  if (take(text, "after ")) return parse_stop_at_record(text, false, outcome);
  if (!take(text, "at restore point \"")) return;
  constexpr std::string_view kEnd = "\", time ";
  auto end = text.rfind(kEnd);
  if (end == std::string_view::npos) return;
  outcome.stop = RecoveryOutcome::Stop::restore_point;
  outcome.restore_point = std::string(text.substr(0, end));
  outcome.stop_time = parse_time(text.substr(end + kEnd.size()));
}

void parse_message(std::string_view text, RecoveryOutcome& outcome) {
  if (take(text, "recovery stopping ")) {
    parse_stop(text, outcome);
  } else if (take(text, "last completed transaction was at log time ")) {
    outcome.last_transaction = parse_time(text);
  } else if (take(text, "redo starts at ")) {
    outcome.redo_start = parse_lsn(text);
  } else if (take(text, "redo done at ")) {
    outcome.redo_done = parse_lsn(text);
  } else if (take(text, "consistent recovery state reached at ")) {
    outcome.consistent = parse_lsn(text);
  } else if (take(text, "selected new timeline ID: ")) {
    outcome.new_timeline = TimelineId{take_number(text)};
  } else if (text == "archive recovery complete") {
    outcome.complete = true;
  } else if (text == "recovery ended before configured recovery target was reached") {
    outcome.target_not_reached = true;
  }
}

std::string_view take_line(std::string_view& text) {
  auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// What follows "LEVEL:  ", the first such mark on a line of the log, so that a STATEMENT or a continued line (which
/// begins with a tab) cannot pass for a message.
std::optional<std::string_view> message_of(std::string_view line, std::string_view level) {
  constexpr std::string_view kMark = ":  ";
  auto mark = line.find(kMark);
  if (mark == std::string_view::npos || line.starts_with('\t')) return std::nullopt;
  if (!line.substr(0, mark).ends_with(level)) return std::nullopt;
  return line.substr(mark + kMark.size());
}

}  // namespace

Result<RecoveryProgress> read_recovery_progress(Connection& connection) {
  auto rows = TRY(connection.query(progress_sql(connection.server_major()), {}));
  auto row = TRY(RowReader::single(rows, 5));
  RecoveryProgress progress;
  progress.in_recovery = TRY(row.boolean());
  progress.paused = TRY(row.boolean());
  progress.replayed = TRY(row.lsn());
  auto last_commit = TRY(row.optional_i64());
  if (last_commit) progress.last_commit = Timestamp(std::chrono::microseconds(*last_commit));
  progress.timeline.value = TRY(row.u32());
  return progress;
}

RecoveryOutcome parse_recovery_log(std::string_view log) {
  RecoveryOutcome outcome;
  while (!log.empty()) {
    auto line = take_line(log);
    auto message = message_of(line, "LOG");
    if (!message) message = message_of(line, "FATAL");
    if (!message) continue;
    bool begins = message->starts_with("database system was interrupted") ||
                  message->starts_with("database system was shut down") || message->starts_with("starting PostgreSQL");
    if (begins) outcome = RecoveryOutcome();
    parse_message(*message, outcome);
  }
  return outcome;
}

std::optional<std::string> pause_reason(std::string_view log) {
  std::optional<std::string> reason;
  std::string warning;  // the newest, which stands before the pause that it explains
  bool in_warning = false;
  while (!log.empty()) {
    auto line = take_line(log);
    if (auto text = message_of(line, "WARNING")) {
      warning = *text;
      in_warning = true;
    } else if (auto detail = message_of(line, "DETAIL")) {
      if (in_warning) warning.append("; ").append(*detail);
    } else if (auto message = message_of(line, "LOG")) {
      in_warning = false;
      if (*message == "recovery has paused") {
        reason = warning;
      } else if (message->starts_with("redo done at ") || message->starts_with("starting PostgreSQL")) {
        reason.reset();
        warning.clear();
      }
    }
  }
  return reason;
}

std::string last_fatal_messages(std::string_view log, size_t max_messages) {
  std::vector<std::string> messages;
  bool in_fatal = false;
  while (!log.empty()) {
    auto line = take_line(log);
    auto fatal = message_of(line, "FATAL");
    if (!fatal) fatal = message_of(line, "PANIC");
    if (fatal) {
      messages.emplace_back(*fatal);
      in_fatal = true;
      continue;
    }
    for (std::string_view level : {"DETAIL", "HINT"}) {
      auto more = message_of(line, level);
      if (more && in_fatal) messages.back().append("; ").append(*more);
    }
    if (message_of(line, "LOG")) in_fatal = false;
  }
  std::string joined;
  for (size_t i = messages.size() > max_messages ? messages.size() - max_messages : 0; i < messages.size(); ++i) {
    if (!joined.empty()) joined += " | ";
    joined += messages[i];
  }
  return joined;
}

}  // namespace spendsync::postgres
