#include "config/scalars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/time.h"
#include "config/addresses.h"
#include "config/connection_string.h"
#include "config/cron.h"

namespace spendsync::config {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

/// Decimal digits that fit in 63 bits.
std::optional<int64_t> to_number(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

struct Quantity {
  int64_t count = 0;
  std::string_view unit;
  size_t unit_offset = 0;
};

/// "48 hours" -> 48 and "hours". The messages name what is being read and an example of it.
Checked<Quantity> parse_quantity(std::string_view text, std::string_view what, std::string_view example) {
  const std::string hint = fmt::format("for example '{}'", example);
  if (text.empty()) return flaw(0, fmt::format("{} is empty", what), hint);
  if (text.front() == '-' || text.front() == '+')
    return flaw(0, fmt::format("{} {} has a sign", what, quote(text)), hint);
  const size_t digits = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  if (digits == 0) return flaw(0, fmt::format("{} {} does not begin with a number", what, quote(text)), hint);
  if (digits < text.size() && (text[digits] == '.' || text[digits] == ',')) {
    return flaw(digits, fmt::format("{} {} is not a whole number of its unit", what, quote(text)),
                "use a smaller unit");
  }
  const auto count = to_number(text.substr(0, digits));
  if (!count) return flaw(0, fmt::format("{} {} is too large", what, quote(text)));
  const size_t unit = text.find_first_not_of(' ', digits);
  if (unit == std::string_view::npos) return flaw(0, fmt::format("{} {} has no unit", what, quote(text)), hint);
  return Quantity{*count, text.substr(unit), unit};
}

/// Each unit once, by the first of its names.
std::string unit_names(const std::vector<Unit>& units) {
  std::vector<std::string_view> names;
  int64_t last_factor = 0;
  for (const Unit& unit : units) {
    if (unit.factor != last_factor) names.push_back(unit.name);
    last_factor = unit.factor;
  }
  return join_choices(names);
}

Checked<int64_t> times_unit(const Quantity& quantity, const Unit& unit, std::string_view what, std::string_view text) {
  if (quantity.count > std::numeric_limits<int64_t>::max() / unit.factor) {
    return flaw(0, fmt::format("{} {} is too large", what, quote(text)));
  }
  return quantity.count * unit.factor;
}

std::string unknown_unit_suggestion(std::string_view unit, const std::vector<Unit>& units) {
  if (unit.starts_with("month") || unit.starts_with("year") || unit == "y" || unit == "mo") {
    return "months and years have no fixed length; use weeks or days";
  }
  if (unit == "m") return "write 'minutes'";
  if (unit == "ms" || unit.starts_with("milli")) return "the smallest unit is the second";
  std::vector<std::string_view> names;
  for (const Unit& known : units) names.push_back(known.name);
  std::string suggestion = did_you_mean(unit, names);
  return suggestion.empty() ? "use " + unit_names(units) : suggestion;
}

Checked<int64_t> parse_with_units(std::string_view text, const std::vector<Unit>& units, std::string_view what,
                                  std::string_view example) {
  const auto quantity = parse_quantity(text, what, example);
  if (!quantity) return tl::unexpected(quantity.error());
  for (const Unit& unit : units) {
    if (unit.name == quantity->unit) return times_unit(*quantity, unit, what, text);
  }
  return flaw(quantity->unit_offset, fmt::format("unknown unit {} in {}", quote(quantity->unit), quote(text)),
              unknown_unit_suggestion(quantity->unit, units));
}

/// "3 weeks", "1 week": the largest of the main units that divides the number.
std::string format_with_units(int64_t number, const std::vector<Unit>& main_units, bool has_singular) {
  for (const Unit& unit : main_units) {
    if (number != 0 && number % unit.factor != 0) continue;
    const int64_t count = number / unit.factor;
    std::string_view name = unit.name;
    if (has_singular && count == 1) name.remove_suffix(1);
    if (number != 0 || unit.factor == 1) return fmt::format("{} {}", count, name);
  }
  return std::to_string(number);
}

using CheckedScalar = Checked<Scalar>;

CheckedScalar with_limits(int64_t number, std::string text, const Type& type, std::string (*format)(int64_t)) {
  if (number < type.lowest) return flaw(0, fmt::format("{} is less than {}", text, format(type.lowest)));
  if (number > type.highest) return flaw(0, fmt::format("{} is more than {}", text, format(type.highest)));
  return Scalar{std::move(text), number};
}

std::string format_plain(int64_t number) { return std::to_string(number); }

CheckedScalar parse_boolean(std::string_view text) {
  if (text == "true") return Scalar{"true", 1};
  if (text == "false") return Scalar{"false", 0};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool means_true = lower == "yes" || lower == "on" || lower == "y" || lower == "true" || lower == "1";
  const bool means_false = lower == "no" || lower == "off" || lower == "n" || lower == "false" || lower == "0";
  return flaw(0, fmt::format("{} is neither true nor false", quote(text)),
              means_true    ? "write true"
              : means_false ? "write false"
                            : "write true or false");
}

CheckedScalar parse_integer(std::string_view text, const Type& type) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (!all_digits(digits)) {
    return flaw(0, fmt::format("{} is not a whole number", quote(text)), "digits only, without a unit");
  }
  if (digits.size() > 1 && digits.front() == '0') {
    return flaw(0, fmt::format("{} begins with 0", quote(text)), "write the number in decimal digits");
  }
  const auto number = to_number(digits);
  if (!number) return flaw(0, fmt::format("{} is too large", quote(text)));
  return with_limits(negative ? -*number : *number, std::string(text), type, format_plain);
}

CheckedScalar parse_percent(std::string_view text, const Type& type) {
  std::string_view digits = text;
  if (!digits.ends_with('%')) return flaw(0, fmt::format("percentage {} has no %", quote(text)), "for example '25 %'");
  digits.remove_suffix(1);
  while (digits.ends_with(' ')) digits.remove_suffix(1);
  if (!all_digits(digits))
    return flaw(0, fmt::format("{} is not a whole percentage", quote(text)), "for example '25 %'");
  const auto number = to_number(digits);
  if (!number) return flaw(0, fmt::format("{} is too large", quote(text)));
  return with_limits(*number, fmt::format("{} %", *number), type, [](int64_t n) { return fmt::format("{} %", n); });
}

CheckedScalar parse_duration_value(std::string_view text, const Type& type) {
  const auto duration = parse_duration(text);
  if (!duration) return tl::unexpected(duration.error());
  return with_limits(*duration, std::string(text), type, format_exact_duration);
}

CheckedScalar parse_size_value(std::string_view text, const Type& type) {
  const auto size = parse_size(text);
  if (!size) return tl::unexpected(size.error());
  return with_limits(*size, std::string(text), type, format_exact_size);
}

CheckedScalar parse_rate(std::string_view text, const Type& type) {
  if (text == "0" && type.lowest == 0) return Scalar{"0", 0};
  std::string_view size = text;
  if (size.ends_with("/s")) size.remove_suffix(2);
  const auto bytes = parse_with_units(size, size_units(), "rate", "10 MiB");
  if (!bytes) return tl::unexpected(bytes.error());
  return with_limits(*bytes, std::string(text), type, format_exact_size);
}

CheckedScalar parse_workers(std::string_view text, const Type& type) {
  if (text == "auto") return Scalar{"auto", 0};
  if (!all_digits(text)) return flaw(0, fmt::format("{} is neither 'auto' nor a whole number", quote(text)));
  return parse_integer(text, type);
}

bool in_class(char c, std::string_view characters) {
  for (size_t i = 0; i < characters.size(); ++i) {
    const bool range = i + 2 < characters.size() && characters[i + 1] == '-';
    if (range && c >= characters[i] && c <= characters[i + 2]) return true;
    if (range) {
      i += 2;
    } else if (c == characters[i]) {
      return true;
    }
  }
  return false;
}

CheckedScalar parse_text(std::string_view text, const TextRule& rule) {
  if (text.size() < rule.shortest) {
    return flaw(
        0, text.empty() ? "text is empty" : fmt::format("{} is shorter than {} characters", quote(text), rule.shortest),
        std::string(rule.description));
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view allowed = i == 0 && !rule.first.empty() ? rule.first : rule.rest;
    if (allowed.empty() ? static_cast<unsigned char>(text[i]) >= 0x20 || text[i] == '\t' : in_class(text[i], allowed)) {
      continue;
    }
    const std::string place = i == 0 ? "begins with" : "holds";
    size_t length = 1;  // a whole character, not a byte of it
    while (i + length < text.size() && (static_cast<unsigned char>(text[i + length]) & 0xC0u) == 0x80u) ++length;
    return flaw(i, fmt::format("{} {} {}", quote(text), place, quote(text.substr(i, length))),
                rule.description.empty() ? "one line of text" : std::string(rule.description));
  }
  if (text.size() > rule.longest) {
    return flaw(0, fmt::format("{} has more than {} characters", quote(text), rule.longest),
                std::string(rule.description));
  }
  return Scalar{std::string(text)};
}

CheckedScalar parse_path(std::string_view text) {
  constexpr size_t kLongest = 4095;  // PATH_MAX without its NUL
  if (text.starts_with('~')) {
    return flaw(0, fmt::format("path {} begins with ~, which is not expanded", quote(text)),
                "write the path from / on");
  }
  if (!text.starts_with('/')) {
    return flaw(0, fmt::format("path {} is not absolute", quote(text)), "write the path from / on");
  }
  if (text.size() > kLongest) return flaw(0, fmt::format("path has more than {} bytes", kLongest));
  const size_t control = static_cast<size_t>(
      std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }) -
      text.begin());
  if (control < text.size()) return flaw(control, "path holds a control character", "one path, on one line");
  std::string path(text);
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  for (size_t begin = 1; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = std::string_view(path).substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return flaw(begin, fmt::format("path {} holds {}", quote(text), part.empty() ? "'//'" : quote(part)),
                  "write the direct path");
    }
    begin = end + 1;
  }
  return Scalar{std::move(path)};
}

CheckedScalar parse_choice(std::string_view text, const Type& type) {
  for (std::string_view choice : type.choices) {
    if (text == choice) return Scalar{std::string(text)};
  }
  std::string suggestion = did_you_mean(text, type.choices);
  if (suggestion.empty()) suggestion = "use " + join_choices(type.choices);
  return flaw(0, fmt::format("{} is not known here", quote(text)), suggestion);
}

CheckedScalar parse_zone(std::string_view text) {
  if (TimeZone::find(text)) return Scalar{std::string(text)};
  return flaw(0, fmt::format("unknown time zone {}", quote(text)), "a name such as 'UTC' or 'Europe/Berlin'");
}

/// A text that is kept as it is once it has been judged.
CheckedScalar keep(std::string_view text, const Checked<void>& judged) {
  if (!judged) return tl::unexpected(judged.error());
  return Scalar{std::string(text)};
}

CheckedScalar parse_address_value(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return tl::unexpected(address.error());
  return Scalar{std::string(text)};
}

CheckedScalar parse_cron(std::string_view text) {
  const auto cron = CronExpression::parse(text);
  if (!cron) return tl::unexpected(cron.error());
  return Scalar{cron->to_string()};
}

}  // namespace

Checked<Scalar> parse_scalar(std::string_view text, const Type& type) {
  switch (type.kind) {
    case Kind::text:
      return parse_text(text, type.text);
    case Kind::path:
      return parse_path(text);
    case Kind::boolean:
      return parse_boolean(text);
    case Kind::integer:
      return parse_integer(text, type);
    case Kind::percent:
      return parse_percent(text, type);
    case Kind::duration:
      return parse_duration_value(text, type);
    case Kind::size:
      return parse_size_value(text, type);
    case Kind::rate:
      return parse_rate(text, type);
    case Kind::cron:
      return parse_cron(text);
    case Kind::time_zone:
      return parse_zone(text);
    case Kind::choice:
      return parse_choice(text, type);
    case Kind::address:
      return parse_address_value(text);
    case Kind::url:
      return keep(text, check_url(text, type.url));
    case Kind::email:
      return keep(text, check_email(text));
    case Kind::connection:
      return keep(text, check_connection_string(text));
    case Kind::workers:
      return parse_workers(text, type);
    case Kind::section:
    case Kind::variant:
    case Kind::list:
      break;
  }
  CHECK(false);
}

Checked<int64_t> parse_duration(std::string_view text) {
  return parse_with_units(text, duration_units(), "duration", "48 hours");
}

Checked<int64_t> parse_size(std::string_view text) { return parse_with_units(text, size_units(), "size", "500 GiB"); }

std::string format_exact_duration(int64_t duration_seconds) {
  static const std::vector<Unit> units = {
      {"weeks", 604800}, {"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1}};
  return format_with_units(duration_seconds, units, true);
}

std::string format_exact_size(int64_t bytes) {
  static const std::vector<Unit> units = {{"PiB", int64_t{1} << 50}, {"TiB", int64_t{1} << 40},
                                          {"GiB", int64_t{1} << 30}, {"MiB", int64_t{1} << 20},
                                          {"KiB", int64_t{1} << 10}, {"B", 1}};
  return format_with_units(bytes, units, false);
}

}  // namespace spendsync::config
