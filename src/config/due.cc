#include "config/due.h"

#include <charconv>

namespace spendsync::config {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr int kDaysMax = 8 * 366 + 2;

int number_at(const std::string& text, size_t begin, size_t length) {
  int value = 0;
  std::from_chars(text.data() + begin, text.data() + begin + length, value);
  return value;
}

/// The local calendar day "20240315", minute and hour still open.
CronExpression::Minute date_of(const std::string& day) {
  const std::chrono::year_month_day date{std::chrono::year(number_at(day, 0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number_at(day, 4, 2))),
                                         std::chrono::day(static_cast<unsigned>(number_at(day, 6, 2)))};
  CronExpression::Minute at;
  at.day_of_month = static_cast<int>(static_cast<unsigned>(date.day()));
  at.month = static_cast<int>(static_cast<unsigned>(date.month()));
  at.day_of_week = static_cast<int>(std::chrono::weekday(std::chrono::sys_days(date)).c_encoding());
  return at;
}

/// Whether any minute of the day is due: most days of a monthly schedule are passed over by this.
bool has_due_minute(const CronExpression& cron, CronExpression::Minute at) {
  for (at.hour = 0; at.hour < 24; ++at.hour) {
    for (at.minute = 0; at.minute < 60; ++at.minute) {
      if (cron.matches(at)) return true;
    }
  }
  return false;
}

/// A local day, [begin, end).
std::optional<Timestamp> due_in_day(const CronExpression& cron, const TimeZone& zone, const TimeZone::Day& day,
                                    Timestamp earliest) {
  auto at = date_of(zone.day_of(day.begin));
  if (!has_due_minute(cron, at)) return std::nullopt;
  int last_wall_minute = -1;
  // From the day's first minute, so that a time shown twice counts once.
  for (Timestamp time = std::chrono::ceil<minutes>(day.begin); time < day.end; time += minutes(1)) {
    const std::string local = zone.format_local(time);  // "2024-03-15 14:30:00 CET"
    at.hour = number_at(local, 11, 2);
    at.minute = number_at(local, 14, 2);
    const int wall_minute = at.hour * 60 + at.minute;
    if (wall_minute <= last_wall_minute) continue;  // the clock went back: seen already
    last_wall_minute = wall_minute;
    if (time >= earliest && cron.matches(at)) return time;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Timestamp> next_due(const CronExpression& cron, const TimeZone& zone, Timestamp after) {
  const Timestamp earliest = std::chrono::floor<minutes>(after) + minutes(1);
  std::string day = zone.day_of(earliest);
  for (int n = 0; n < kDaysMax; ++n) {
    const auto bounds = zone.parse_day(day);
    if (!bounds) return std::nullopt;
    const auto found = due_in_day(cron, zone, *bounds, earliest);
    if (found) return found;
    day = zone.day_of(bounds->end);
  }
  return std::nullopt;
}

}  // namespace spendsync::config
