// Reading the clock time that people write. Shared by time.cc and time_zone.cc only.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace spendsync::detail {

/// A date and a time of day without a zone: microseconds since 1970-01-01 00:00 of that clock.
struct WallTime {
  std::chrono::microseconds since_epoch{0};
  bool has_seconds = false;
};

/// Reads "2024-03-15 14:30[:00[.ffffff]]" ('T' also separates) from the front of `text` and leaves what follows.
/// Empty for anything else, and for dates and times that do not exist (30 February, 24:00, 23:59:60).
std::optional<WallTime> read_wall_time(std::string_view& text);
/// The whole of `text`: "Z", "+02", "-0330" or "+05:45", up to 15:59 either side as PostgreSQL has it.
std::optional<std::chrono::minutes> parse_utc_offset(std::string_view text);
/// "20240315"; empty for a day that the calendar does not have.
std::optional<std::chrono::sys_days> parse_compact_day(std::string_view text);
/// Decimal digits and nothing else, nine at most.
std::optional<int> parse_digits(std::string_view text);

}  // namespace spendsync::detail
