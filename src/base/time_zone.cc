// The only place that knows the time-zone library, so that C++20's own can replace it once GCC has it.
#include <date/tz.h>
#include <fmt/format.h>

#include <exception>

#include "base/time.h"
#include "base/wall_time.h"

namespace spendsync {

namespace {

using std::chrono::microseconds;
using LocalTime = date::local_time<microseconds>;

// UTC is no pointer: it must work on a host without a zone database.
const date::time_zone* zone_of(const void* zone) { return static_cast<const date::time_zone*>(zone); }

bool is_utc_name(std::string_view name) {
  return name == "UTC" || name == "Etc/UTC" || name == "GMT" || name == "Etc/GMT" || name == "Z";
}

/// What the library says about an instant or about a local time: both of its queries load the zone and may throw.
template <class Query>
auto guarded(Query query, const std::string& name) -> Result<decltype(query())> {
  try {
    return query();
  } catch (const std::exception&) {
    return Error(ErrorKind::invalid, fmt::format("the data of time zone {} cannot be read", name))
        .with_hint("reinstall the package tzdata");
  }
}

std::string describe_offset(std::chrono::seconds offset) {
  auto minutes = std::chrono::duration_cast<std::chrono::minutes>(offset).count();
  auto magnitude = minutes < 0 ? -minutes : minutes;
  return fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', magnitude / 60, magnitude % 60);
}

Error skipped(std::string_view text, const std::string& zone, const date::local_info& info) {
  auto change = std::chrono::time_point_cast<microseconds>(info.first.end);
  return Error(ErrorKind::invalid,
               fmt::format("{} never was on the clocks of {}: they went from UTC{} to UTC{} at {}", text, zone,
                           describe_offset(info.first.offset), describe_offset(info.second.offset), format_utc(change)))
      .with_hint("write the time with its offset, or in UTC with a Z");
}

Error twice(std::string_view text, const std::string& zone, LocalTime local, const date::local_info& info) {
  Timestamp first(local.time_since_epoch() - info.first.offset);
  Timestamp second(local.time_since_epoch() - info.second.offset);
  return Error(ErrorKind::invalid, fmt::format("{} was twice on the clocks of {}: {} and {}", text, zone,
                                               format_utc(first), format_utc(second)))
      .with_hint(fmt::format("write the one you mean: \"{}\" or \"{}\"", format_utc(first), format_utc(second)));
}

Result<Timestamp> to_utc(LocalTime local, std::string_view text, const date::time_zone* zone, const std::string& name) {
  if (zone == nullptr) return Timestamp(local.time_since_epoch());
  auto info = TRY(guarded([&] { return zone->get_info(local); }, name));
  if (info.result == date::local_info::nonexistent) return skipped(text, name, info);
  if (info.result == date::local_info::ambiguous) return twice(text, name, local, info);
  return Timestamp(local.time_since_epoch() - info.first.offset);
}

/// The first instant whose local day is the one that begins at `midnight`.
Result<Timestamp> first_instant(LocalTime midnight, const date::time_zone* zone, const std::string& name) {
  if (zone == nullptr) return Timestamp(midnight.time_since_epoch());
  auto info = TRY(guarded([&] { return zone->get_info(midnight); }, name));
  // Where the clocks skip midnight the day begins with the change itself.
  if (info.result == date::local_info::nonexistent) return std::chrono::time_point_cast<microseconds>(info.first.end);
  return Timestamp(midnight.time_since_epoch() - info.first.offset);
}

struct LocalMoment {
  std::chrono::sys_time<microseconds> wall;  // the local clock, counted as if it were UTC
  std::string abbreviation;
};

LocalMoment local_moment(Timestamp time, const date::time_zone* zone) {
  if (zone == nullptr) return {time, "UTC"};
  try {
    auto info = zone->get_info(time);
    return {time + info.offset, info.abbrev};
  } catch (const std::exception&) {
    return {time, "UTC"};  // find() has read this zone before; UTC, said to be UTC, is still true
  }
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
  if (is_utc_name(name)) return TimeZone(name == "Z" ? "UTC" : std::string(name), nullptr);
  try {
    const auto* zone = date::locate_zone(std::string(name));
    static_cast<void>(zone->get_info(date::sys_seconds{}));  // reads its file now, so that nothing fails later
    return TimeZone(std::string(name), zone);
  } catch (const std::exception&) {
    return Error(ErrorKind::invalid, fmt::format("there is no time zone \"{}\"", name))
        .with_hint("zones are named like Europe/Berlin, America/New_York or UTC; the package tzdata holds them");
  }
}

TimeZone TimeZone::utc() { return TimeZone("UTC", nullptr); }

Result<Timestamp> TimeZone::parse_local(std::string_view text) const {
  std::string_view rest = text;
  auto wall = detail::read_wall_time(rest);
  if (!wall) {
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no time", text))
        .with_hint("times look like \"2024-03-15 14:30:00\", with +02, Z or a zone name after it where it matters");
  }
  std::string_view written = text.substr(0, text.size() - rest.size());
  LocalTime local{wall->since_epoch};
  while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
  if (rest.empty()) return to_utc(local, written, zone_of(zone_), name_);
  if (auto offset = detail::parse_utc_offset(rest)) return Timestamp(wall->since_epoch - *offset);
  auto zone = TRY_CONTEXT(TimeZone::find(rest), fmt::format("\"{}\" is no time", text));
  return to_utc(local, written, zone_of(zone.zone_), zone.name_);
}

Result<TimeZone::Day> TimeZone::parse_day(std::string_view yyyymmdd) const {
  auto date = detail::parse_compact_day(yyyymmdd);
  if (!date) {
    return Error(ErrorKind::invalid, fmt::format("\"{}\" is no day", yyyymmdd)).with_hint("days look like 20240315");
  }
  LocalTime midnight{date->time_since_epoch()};
  Timestamp begin = TRY(first_instant(midnight, zone_of(zone_), name_));
  Timestamp end = TRY(first_instant(midnight + date::days(1), zone_of(zone_), name_));
  if (begin >= end) {
    return Error(ErrorKind::invalid, fmt::format("the day {} never was on the calendar of {}", yyyymmdd, name_));
  }
  return Day{begin, end};
}

std::string TimeZone::format_local(Timestamp time) const {
  auto [wall, abbreviation] = local_moment(time, zone_of(zone_));
  auto text = format_utc(std::chrono::floor<std::chrono::seconds>(wall));
  text.pop_back();  // the Z
  text[text.find('T')] = ' ';
  return text + " " + abbreviation;
}

std::string TimeZone::day_of(Timestamp time) const {
  return format_compact_utc(local_moment(time, zone_of(zone_)).wall).substr(0, 8);
}

}  // namespace spendsync
