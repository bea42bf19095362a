// What somebody asked to have restored, as typed data.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "repository/label.h"

namespace spendsync::restore {

/// Which part of a backup comes back.
enum class Scope { everything, database, files };

/// How a restore ends: recovered and stopped, recovered and running, or before recovery.
enum class Ending { stopped, started, before_recovery };

/// A request in words, as the command line has them. Empty: not given.
struct RequestWords {
  std::string type = {};           // full, incremental, transaction_logs, point_in_time
  std::string date = {};           // YYYYMMDD or a whole label
  std::string point_in_time = {};  // a time in the configured zone, or with its own
  bool latest = false;
  bool up_to_what_is_there = false;  // with latest
  std::optional<std::string> target_lsn = {};
  bool inclusive = false;  // with target_lsn
  bool exclusive = false;
  std::optional<std::string> target_xid = {};
  std::optional<std::string> target_name = {};
  std::optional<uint32_t> target_timeline = {};
  bool immediate = false;
  bool files_only = false;
  bool database_only = false;
  bool start = false;
  bool no_start = false;
};

/// The same, understood. Value type.
struct RestoreRequest {
  /// Which backup to begin with. `any`: the newest from which the target can be reached.
  enum class Base { full, incremental, transaction_logs, point_in_time, any } base = Base::any;
  std::optional<TimeZone::Day> day;
  std::optional<repository::Label> label;

  /// Where recovery ends. `natural`: what the base's type stands for when no target is given.
  enum class Target { natural, latest, time, lsn, transaction, name, immediate } target = Target::natural;
  /// With `latest`: also where later WAL is known of and is not there.
  bool up_to_what_is_there = false;
  Timestamp time{};
  Lsn lsn;
  /// Of the record at `lsn`: recovery ends behind it or before it. Unsaid: behind it, where that completes something.
  enum class Edge { unsaid, inclusive, exclusive } edge = Edge::unsaid;
  std::string transaction;
  std::string name;
  std::optional<TimelineId> timeline;

  Scope scope = Scope::everything;
  Ending ending = Ending::stopped;
};

/// Errors: invalid, saying what would be accepted: unknown types, dates and times, a time on another day than the
/// date, more than one target, options that exclude each other.
Result<RestoreRequest> parse_request(const RequestWords& words, const TimeZone& zone);

}  // namespace spendsync::restore
