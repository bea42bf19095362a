#include "config/cron.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace spendsync::config {
namespace {

/// One of the five fields: what it is called and what it may hold.
struct FieldRule {
  std::string_view name;
  unsigned lowest;
  unsigned highest;
  std::vector<std::string_view> names;  // names[0] is `lowest`
  bool is_day_of_week = false;
};

const std::array<FieldRule, 5>& field_rules() {
  static const std::array<FieldRule, 5> rules = {{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of month", 1, 31, {}},
      {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, true},
  }};
  return rules;
}

struct Field {
  std::bitset<60> values;
  bool starred = false;
};

/// A piece of the expression and where it begins in it.
struct Piece {
  std::string_view text;
  size_t offset = 0;
};

std::vector<Piece> split(Piece whole, auto is_separator, bool keep_empty) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (size_t i = 0; i <= whole.text.size(); ++i) {
    if (i < whole.text.size() && !is_separator(whole.text[i])) continue;
    if (keep_empty || i > begin) pieces.push_back({whole.text.substr(begin, i - begin), whole.offset + begin});
    begin = i + 1;
  }
  return pieces;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

Checked<unsigned> parse_name(Piece piece, const FieldRule& rule) {
  for (size_t i = 0; i < rule.names.size(); ++i) {
    if (piece.text == rule.names[i]) return rule.lowest + static_cast<unsigned>(i);
  }
  const auto unsupported = flaw(piece.offset, fmt::format("{} {} is not supported", rule.name, quote(piece.text)),
                                "five-field cron knows *, numbers, names, a-b, lists and /step");
  if (piece.text.find_first_of("?#") != std::string_view::npos) return unsupported;
  for (std::string_view name : rule.names) {
    if (piece.text.starts_with(name)) {
      return flaw(piece.offset, fmt::format("{} {} is not known", rule.name, quote(piece.text)),
                  fmt::format("write '{}'", name));
    }
  }
  std::string suggestion = did_you_mean(piece.text, rule.names);
  if (suggestion.empty() && piece.text.find_first_of("lw") != std::string_view::npos) return unsupported;
  if (suggestion.empty()) suggestion = fmt::format("{} to {}, or *", rule.lowest, rule.highest);
  return flaw(
      piece.offset,
      fmt::format("{} {} is not a number{}", rule.name, quote(piece.text), rule.names.empty() ? "" : " or a name"),
      suggestion);
}

Checked<unsigned> parse_number(Piece piece, const FieldRule& rule) {
  if (piece.text.empty()) return flaw(piece.offset, fmt::format("{} is empty here", rule.name));
  if (!std::all_of(piece.text.begin(), piece.text.end(), is_digit)) {
    if (piece.text.front() == '-' || piece.text.front() == '+') {
      return flaw(piece.offset, fmt::format("{} {} has a sign", rule.name, quote(piece.text)),
                  fmt::format("{} to {}", rule.lowest, rule.highest));
    }
    return parse_name(piece, rule);
  }
  constexpr size_t kMostDigits = 4;
  unsigned value = 0;
  for (char c : piece.text.substr(0, kMostDigits)) value = value * 10 + static_cast<unsigned>(c - '0');
  if (piece.text.size() > kMostDigits || value < rule.lowest || value > rule.highest) {
    return flaw(piece.offset, fmt::format("{} {} is out of range", rule.name, piece.text),
                fmt::format("{} to {}", rule.lowest, rule.highest));
  }
  return value;
}

struct Range {
  unsigned from = 0;
  unsigned to = 0;
};

Checked<Range> parse_range(Piece piece, const FieldRule& rule) {
  const size_t dash = piece.text.find('-', 1);
  if (dash == std::string_view::npos) {
    const auto value = parse_number(piece, rule);
    if (!value) return tl::unexpected(value.error());
    return Range{*value, *value};
  }
  const Piece last{piece.text.substr(dash + 1), piece.offset + dash + 1};
  const auto from = parse_number({piece.text.substr(0, dash), piece.offset}, rule);
  if (!from) return tl::unexpected(from.error());
  auto to = parse_number(last, rule);
  if (!to) return tl::unexpected(to.error());
  if (rule.is_day_of_week && *to == 0 && *from > 0) to = 7;  // fri-sun: the week's last day
  if (*from > *to) {
    const bool days = rule.is_day_of_week;
    return flaw(piece.offset, fmt::format("range {} runs backwards", quote(piece.text)),
                fmt::format("write two: '{}-{},{}-{}'", *from, days ? 6 : rule.highest, rule.lowest, *to));
  }
  return Range{*from, *to};
}

Checked<unsigned> parse_step(Piece piece, const FieldRule& rule) {
  const bool digits = !piece.text.empty() && std::all_of(piece.text.begin(), piece.text.end(), is_digit);
  if (!digits) return flaw(piece.offset, fmt::format("step {} is not a number", quote(piece.text)));
  constexpr size_t kMostDigits = 4;
  unsigned step = 0;
  for (char c : piece.text.substr(0, kMostDigits)) step = step * 10 + static_cast<unsigned>(c - '0');
  const unsigned most = rule.highest - rule.lowest;
  if (step == 0) return flaw(piece.offset, "step 0 never advances", "1 or more");
  if (piece.text.size() > kMostDigits || step > most) {
    return flaw(piece.offset, fmt::format("step {} is larger than the field", piece.text),
                fmt::format("{} has steps of 1 to {}", rule.name, most));
  }
  return step;
}

/// `*`, a number, a name or a range, and an optional step.
Checked<void> parse_item(Piece item, const FieldRule& rule, Field& field) {
  if (item.text.empty())
    return flaw(item.offset, fmt::format("{} has an empty list item", rule.name), "remove the comma");
  const size_t slash = item.text.find('/');
  const Piece base{item.text.substr(0, slash), item.offset};
  Range range{rule.lowest, rule.is_day_of_week ? 6 : rule.highest};
  if (base.text == "*") {
    field.starred = true;
  } else {
    const auto parsed = parse_range(base, rule);
    if (!parsed) return tl::unexpected(parsed.error());
    range = *parsed;
  }
  unsigned step = 1;
  if (slash != std::string_view::npos) {
    const auto parsed = parse_step({item.text.substr(slash + 1), item.offset + slash + 1}, rule);
    if (!parsed) return tl::unexpected(parsed.error());
    step = *parsed;
    if (range.from == range.to && base.text != "*") {
      return flaw(item.offset + slash, fmt::format("a step needs a range, not {}", quote(base.text)),
                  fmt::format("write '{}-{}/{}'", base.text, rule.highest, step));
    }
  }
  for (unsigned value = range.from; value <= range.to; value += step) {
    field.values.set(rule.is_day_of_week ? value % 7 : value);
  }
  return {};
}

Checked<Field> parse_field(Piece piece, const FieldRule& rule) {
  Field field;
  for (const Piece& item : split(
           piece, [](char c) { return c == ','; }, true)) {
    const auto parsed = parse_item(item, rule, field);
    if (!parsed) return tl::unexpected(parsed.error());
  }
  return field;
}

std::optional<std::string_view> meaning_of_macro(std::string_view macro) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> macros = {{
      {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"},
      {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"},
      {"@daily", "0 0 * * *"},
      {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"},
  }};
  for (const auto& [name, meaning] : macros) {
    if (macro == name) return meaning;
  }
  return std::nullopt;
}

Checked<void> check_shape(std::string_view text, const std::vector<Piece>& pieces) {
  if (pieces.empty()) return flaw(0, "cron expression is empty", "five fields: minute hour day month weekday");
  if (pieces[0].text.starts_with('@')) {
    const auto meaning = meaning_of_macro(pieces[0].text);
    return flaw(pieces[0].offset, fmt::format("{} is not supported", quote(pieces[0].text)),
                meaning ? fmt::format("write \"{}\"", *meaning) : "five fields: minute hour day month weekday");
  }
  if (pieces.size() < 5) {
    return flaw(text.size(), fmt::format("cron expression has {} of five fields", pieces.size()),
                fmt::format("'{}' is missing", field_rules()[pieces.size()].name));
  }
  if (pieces.size() > 5) {
    return flaw(pieces[5].offset, fmt::format("cron expression has {} fields, not five", pieces.size()),
                "minute hour day month weekday; there is no field for seconds or years");
  }
  return {};
}

/// Days that each month can have; February's 29th comes every few years and is possible.
constexpr std::array<unsigned, 13> kDaysInMonth = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

bool has_possible_day(const Field& days, const Field& months) {
  for (unsigned month = 1; month <= 12; ++month) {
    if (!months.values.test(month)) continue;
    for (unsigned day = 1; day <= kDaysInMonth[month]; ++day) {
      if (days.values.test(day)) return true;
    }
  }
  return false;
}

template <size_t N>
std::bitset<N> narrow(const std::bitset<60>& values) {
  std::bitset<N> result;
  for (size_t i = 0; i < N; ++i) result[i] = values[i];
  return result;
}

}  // namespace

Checked<CronExpression> CronExpression::parse(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto pieces = split(
      {lower, 0}, [](char c) { return c == ' ' || c == '\t'; }, false);
  const auto shape = check_shape(text, pieces);
  if (!shape) return tl::unexpected(shape.error());

  std::array<Field, 5> fields;
  CronExpression result;
  for (size_t i = 0; i < fields.size(); ++i) {
    auto field = parse_field(pieces[i], field_rules()[i]);
    if (!field) return tl::unexpected(field.error());
    fields[i] = *field;
    result.text_ += (i > 0 ? " " : "") + std::string(pieces[i].text);
  }
  if (!has_possible_day(fields[2], fields[3])) {
    return flaw(pieces[2].offset, fmt::format("day {} never comes in month {}", pieces[2].text, pieces[3].text),
                "February has 28 or 29 days; April, June, September and November have 30");
  }
  result.minutes_ = fields[0].values;
  result.hours_ = narrow<24>(fields[1].values);
  result.days_of_month_ = narrow<32>(fields[2].values);
  result.months_ = narrow<13>(fields[3].values);
  result.days_of_week_ = narrow<7>(fields[4].values);
  result.day_of_month_starred_ = fields[2].starred;
  result.day_of_week_starred_ = fields[4].starred;
  return result;
}

CronExpression CronExpression::literal(std::string_view text) {
  auto parsed = parse(text);
  CHECK(parsed.has_value());
  return *parsed;
}

bool CronExpression::matches_day(unsigned day_of_month, unsigned month, unsigned day_of_week) const {
  if (!months_.test(month)) return false;
  const bool by_month = days_of_month_.test(day_of_month);
  const bool by_week = days_of_week_.test(day_of_week);
  const bool both_restricted = !day_of_month_starred_ && !day_of_week_starred_;
  return both_restricted ? by_month || by_week : by_month && by_week;
}

bool CronExpression::matches(const Minute& at) const {
  return minutes_.test(static_cast<size_t>(at.minute)) && hours_.test(static_cast<size_t>(at.hour)) &&
         matches_day(static_cast<unsigned>(at.day_of_month), static_cast<unsigned>(at.month),
                     static_cast<unsigned>(at.day_of_week));
}

std::bitset<24 * 60> CronExpression::minutes_of_day() const {
  std::bitset<24 * 60> result;
  for (size_t minute = 0; minute < result.size(); ++minute) {
    result[minute] = hours_.test(minute / 60) && minutes_.test(minute % 60);
  }
  return result;
}

namespace {

/// What a day's due minutes mean for gaps: inside the day, and from and to its neighbours.
struct DayOfMinutes {
  int64_t first = 0;
  int64_t last = 0;
  int64_t longest = 0;

  explicit DayOfMinutes(const std::bitset<24 * 60>& minutes) {
    bool seen = false;
    for (size_t i = 0; i < minutes.size(); ++i) {
      if (!minutes.test(i)) continue;
      const auto minute = static_cast<int64_t>(i);
      if (seen) longest = std::max(longest, minute - last);
      if (!seen) first = minute;
      last = minute;
      seen = true;
    }
  }
};

}  // namespace

std::chrono::seconds CronExpression::longest_gap(const CronExpression& one, const CronExpression& other) {
  constexpr int64_t kMinutesPerDay = 24 * 60;
  // 28 years hold every combination of weekday and date, a leap year's included, away from a century.
  const std::chrono::sys_days begin{std::chrono::year(2001) / 1 / 1};
  const std::chrono::sys_days end{std::chrono::year(2029) / 1 / 1};
  const DayOfMinutes of_one(one.minutes_of_day());
  const DayOfMinutes of_other(other.minutes_of_day());
  const DayOfMinutes of_both(one.minutes_of_day() | other.minutes_of_day());

  int64_t longest = 0;
  std::optional<int64_t> last_due;
  for (auto day = begin; day < end; day += std::chrono::days(1)) {
    const std::chrono::year_month_day date(day);
    const auto matches = [&](const CronExpression& cron) {
      return cron.matches_day(unsigned(date.day()), unsigned(date.month()), std::chrono::weekday(day).c_encoding());
    };
    const bool due_one = matches(one);
    const bool due_other = matches(other);
    if (!due_one && !due_other) continue;
    const DayOfMinutes& due = due_one && due_other ? of_both : due_one ? of_one : of_other;
    const int64_t midnight = (day - begin).count() * kMinutesPerDay;
    if (last_due) longest = std::max(longest, midnight + due.first - *last_due);
    longest = std::max(longest, due.longest);
    last_due = midnight + due.last;
  }
  return std::chrono::minutes(longest);
}

bool CronExpression::operator==(const CronExpression& other) const {
  return minutes_ == other.minutes_ && hours_ == other.hours_ && days_of_month_ == other.days_of_month_ &&
         months_ == other.months_ && days_of_week_ == other.days_of_week_ &&
         day_of_month_starred_ == other.day_of_month_starred_ && day_of_week_starred_ == other.day_of_week_starred_;
}

}  // namespace spendsync::config
