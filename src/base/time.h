// Text and time. Inside the program all time is UTC; zones exist only where people read and write.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/types.h"

namespace spendsync {

/// "2024-03-15T14:30:00.123456Z"; fractions only where they are not zero.
std::string format_utc(Timestamp time);
/// "20240315T143000Z": the time part of labels.
std::string format_compact_utc(Timestamp time);
/// Inverse of format_utc; accepts Z or a numeric offset, 'T' or a space, and fractions to microseconds.
Result<Timestamp> parse_rfc3339(std::string_view text);
/// Inverse of format_compact_utc.
Result<Timestamp> parse_compact_utc(std::string_view text);

/// "3 h 12 min", "41 s", "350 ms": two units at most.
std::string format_duration(std::chrono::microseconds duration);
/// "1.5 GiB", "512 B".
std::string format_bytes(uint64_t bytes);

/// PostgreSQL counts microseconds from 2000-01-01 (datatype/timestamp.h).
Timestamp from_postgres_time(int64_t microseconds_since_2000);

/// An IANA zone ("Europe/Berlin", "UTC"). Cheap to copy. Thread-safe.
class TimeZone {
 public:
  /// Errors: invalid for a name that the system's zone database does not have.
  static Result<TimeZone> find(std::string_view name);
  static TimeZone utc();

  /// Local wall time -> UTC. `text` is "2024-03-15 14:30[:00[.ffffff]]" with an optional offset or zone name
  /// after it ("+02", "Z", "Europe/Berlin"), which then wins over this zone.
  /// Errors: invalid for anything else, for a time the clock skipped, and for one that occurred twice (says both).
  Result<Timestamp> parse_local(std::string_view text) const;
  /// The first and (exclusive) last instant of a local day "YYYYMMDD".
  struct Day {
    Timestamp begin;
    Timestamp end;
  };
  Result<Day> parse_day(std::string_view yyyymmdd) const;
  /// "2024-03-15 14:30:00 CET": whole seconds.
  std::string format_local(Timestamp time) const;
  /// "20240315": the local day of an instant.
  std::string day_of(Timestamp time) const;
  const std::string& name() const { return name_; }

 private:
  TimeZone(std::string name, const void* zone) : name_(std::move(name)), zone_(zone) {}
  std::string name_;
  const void* zone_;  // date::time_zone, which lives as long as the program; the library stays out of this header
};

}  // namespace spendsync
