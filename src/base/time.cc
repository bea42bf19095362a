#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "base/wall_time.h"

namespace spendsync {

namespace {

using std::chrono::microseconds;

struct UtcParts {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<microseconds> time;
};

UtcParts split(Timestamp time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<microseconds>(time - day)};
}

std::string fraction_of(microseconds part) {
  if (part.count() == 0) return "";
  std::string text = fmt::format(".{:06}", part.count());
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

Error no_time(std::string_view text, std::string_view example) {
  return {ErrorKind::invalid, fmt::format("\"{}\" is no time like {}", text, example)};
}

}  // namespace

std::string format_utc(Timestamp time) {
  auto [date, clock] = split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), fraction_of(clock.subseconds()));
}

std::string format_compact_utc(Timestamp time) {
  auto [date, clock] = split(time);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  constexpr std::string_view kExample = "2024-03-15T14:30:00Z";
  std::string_view rest = text;
  auto wall = detail::read_wall_time(rest);
  if (!wall || !wall->has_seconds) return no_time(text, kExample);
  auto offset = detail::parse_utc_offset(rest);
  if (!offset) return no_time(text, kExample);
  return Timestamp(wall->since_epoch - *offset);
}

Result<Timestamp> parse_compact_utc(std::string_view text) {
  constexpr std::string_view kExample = "20240315T143000Z";
  if (text.size() != kExample.size() || text[8] != 'T' || text[15] != 'Z') return no_time(text, kExample);
  auto day = detail::parse_compact_day(text.substr(0, 8));
  auto hour = detail::parse_digits(text.substr(9, 2));
  auto minute = detail::parse_digits(text.substr(11, 2));
  auto second = detail::parse_digits(text.substr(13, 2));
  if (!day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return no_time(text, kExample);
  return Timestamp(*day) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::string format_duration(microseconds duration) {
  struct Unit {
    int64_t size;  // in the next smaller unit
    std::string_view name;
  };
  if (duration.count() < 0) return "-" + format_duration(-duration);
  if (duration < std::chrono::milliseconds(1)) return fmt::format("{} us", duration.count());
  if (duration < std::chrono::seconds(1)) return fmt::format("{} ms", duration.count() / 1000);
  if (duration < std::chrono::seconds(10)) {
    int64_t tenths = duration.count() / 100'000;
    return tenths % 10 == 0 ? fmt::format("{} s", tenths / 10) : fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  constexpr std::array<Unit, 4> kUnits = {Unit{86'400, "d"}, Unit{3'600, "h"}, Unit{60, "min"}, Unit{1, "s"}};
  int64_t seconds = duration.count() / 1'000'000;
  for (size_t index = 0; index < kUnits.size(); index++) {
    if (seconds < kUnits[index].size) continue;
    std::string text = fmt::format("{} {}", seconds / kUnits[index].size, kUnits[index].name);
    int64_t rest = seconds % kUnits[index].size;
    if (index + 1 < kUnits.size() && rest / kUnits[index + 1].size > 0) {
      text += fmt::format(" {} {}", rest / kUnits[index + 1].size, kUnits[index + 1].name);
    }
    return text;
  }
  return "0 s";
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // 1023.95 would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    unit++;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Timestamp from_postgres_time(int64_t microseconds_since_2000) {
  constexpr auto kEpoch = std::chrono::sys_days(std::chrono::January / 1 / 2000);
  return Timestamp(kEpoch) + microseconds(microseconds_since_2000);
}

}  // namespace spendsync
