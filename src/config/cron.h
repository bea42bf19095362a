// Five-field cron expressions, as crontab(5) of Debian's cron understands them.
#pragma once

#include <bitset>
#include <chrono>
#include <string>
#include <string_view>

#include "config/diagnostics.h"

namespace spendsync::config {

/// Minutes of local wall time at which something is due. Value type.
///
/// Fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 or sun-sat (0 and 7 are
/// Sunday). A field is `*`, a number, a name, a range `a-b`, either with a step `/n`, or a list of these. Days: where
/// both day fields are restricted (hold no `*`), a day is due when either matches; otherwise both must (crontab(5)).
class CronExpression {
 public:
  /// Flaws are reported at the exact byte. Refused beside what has no meaning: values out of range, ranges that run
  /// backwards, steps of 0 or beyond the field, a sixth field, @macros, and days that no chosen month has (30
  /// February).
  static Checked<CronExpression> parse(std::string_view text);

  /// For constants of the program: aborts where parse() would find a flaw.
  static CronExpression literal(std::string_view text);

  /// Is this local minute due? day_of_week: 0 is Sunday.
  struct Minute {
    int minute = 0;
    int hour = 0;
    int day_of_month = 1;
    int month = 1;
    int day_of_week = 0;
  };
  bool matches(const Minute& at) const;

  /// The longest time between two due minutes, by the calendar of a fixed span of years and without clock changes: for
  /// judging whether a schedule can keep a promise. With two expressions: between the due minutes of either.
  std::chrono::seconds longest_gap() const { return longest_gap(*this, *this); }
  static std::chrono::seconds longest_gap(const CronExpression& one, const CronExpression& other);

  /// The expression with single spaces and lower-case names.
  const std::string& to_string() const { return text_; }
  bool operator==(const CronExpression& other) const;

  const std::bitset<60>& minutes() const { return minutes_; }
  const std::bitset<24>& hours() const { return hours_; }
  const std::bitset<32>& days_of_month() const { return days_of_month_; }
  const std::bitset<13>& months() const { return months_; }
  const std::bitset<7>& days_of_week() const { return days_of_week_; }

 private:
  CronExpression() = default;
  bool matches_day(unsigned day_of_month, unsigned month, unsigned day_of_week) const;
  std::bitset<24 * 60> minutes_of_day() const;

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_of_month_;  // bit 0 unused
  std::bitset<13> months_;         // bit 0 unused
  std::bitset<7> days_of_week_;    // bit 0 is Sunday
  bool day_of_month_starred_ = false;
  bool day_of_week_starred_ = false;
};

}  // namespace spendsync::config
