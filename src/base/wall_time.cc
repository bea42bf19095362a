#include "base/wall_time.h"

namespace spendsync::detail {

namespace {

bool take(std::string_view& text, char expected) {
  if (text.empty() || text[0] != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int> take_digits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  auto value = parse_digits(text.substr(0, count));
  if (value) text.remove_prefix(count);
  return value;
}

std::optional<std::chrono::sys_days> make_day(int year, int month, int day) {
  std::chrono::year_month_day date(std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                   std::chrono::day{static_cast<unsigned>(day)});
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

/// ".5" to ".123456". More digits than PostgreSQL keeps are refused, not rounded.
std::optional<std::chrono::microseconds> take_fraction(std::string_view& text) {
  size_t digits = 0;
  int value = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    value = value * 10 + (text[0] - '0');
    text.remove_prefix(1);
    if (++digits > 6) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; digits++) value *= 10;
  return std::chrono::microseconds(value);
}

}  // namespace

std::optional<WallTime> read_wall_time(std::string_view& text) {
  auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  auto day = take_digits(text, 2);
  if (!day || (!take(text, 'T') && !take(text, ' '))) return std::nullopt;
  auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  auto minute = take_digits(text, 2);
  auto date = make_day(*year, *month, *day);
  if (!minute || *minute > 59 || !date) return std::nullopt;

  WallTime wall{date->time_since_epoch() + std::chrono::hours(*hour) + std::chrono::minutes(*minute), false};
  if (!take(text, ':')) return wall;
  auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  wall.since_epoch += std::chrono::seconds(*second);
  wall.has_seconds = true;
  if (!take(text, '.')) return wall;
  auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  wall.since_epoch += *fraction;
  return wall;
}

std::optional<std::chrono::minutes> parse_utc_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  int sign = take(text, '+') ? 1 : take(text, '-') ? -1 : 0;
  if (sign == 0) return std::nullopt;
  auto hours = take_digits(text, 2);
  if (!hours || *hours > 15) return std::nullopt;
  if (text.empty()) return std::chrono::minutes(sign * *hours * 60);
  static_cast<void>(take(text, ':'));
  auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59 || !text.empty()) return std::nullopt;
  return std::chrono::minutes(sign * (*hours * 60 + *minutes));
}

std::optional<std::chrono::sys_days> parse_compact_day(std::string_view text) {
  if (text.size() != 8) return std::nullopt;
  auto year = parse_digits(text.substr(0, 4));
  auto month = parse_digits(text.substr(4, 2));
  auto day = parse_digits(text.substr(6, 2));
  if (!year || !month || !day) return std::nullopt;
  return make_day(*year, *month, *day);
}

std::optional<int> parse_digits(std::string_view text) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  int value = 0;
  for (char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  return value;
}

}  // namespace spendsync::detail
