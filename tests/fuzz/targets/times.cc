#include "base/testing.h"
#include "base/time.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto text = as_text(input);
  static const auto berlin = MUST(TimeZone::find("Europe/Berlin"));
  bool taken = false;
  if (const auto time = parse_rfc3339(text)) {
    require(MUST(parse_rfc3339(format_utc(*time))) == *time, "a time is written and read again the same");
    taken = true;
  }
  if (const auto time = parse_compact_utc(text)) {
    require(format_compact_utc(*time) == text, "a compact time is written as it was read");
    taken = true;
  }
  if (const auto time = berlin.parse_local(text)) {
    require(MUST(parse_rfc3339(format_utc(*time))) == *time, "a local time is a time");
    taken = true;
  }
  if (const auto day = berlin.parse_day(text)) {
    const auto length = day->end - day->begin;
    require(length >= std::chrono::hours(22) && length <= std::chrono::hours(26), "a day has about 24 hours");
    require(berlin.day_of(day->begin) == text, "a day begins on that day");
    taken = true;
  }
  if (text.size() < 64) taken = TimeZone::find(text).has_value() || taken;
  return taken;
}

}  // namespace

Target times_target() {
  return {"times",
          reads,
          texts({"2024-03-15T14:30:00.123456Z", "2024-03-15 14:30:00+05:45", "20240315T143000Z", "2024-03-15 14:30",
                 "2024-03-31 03:30:00.5 America/New_York", "2024-02-29 23:59:59-0330", "20240331", "Europe/Berlin"}),
          texts({"", "2024-02-30 00:00", "2023-02-29 00:00", "2024-03-31 02:30", "2024-10-27 02:30", "20240230",
                 "2024-03-15 24:00", "../../etc/passwd"}),
          {"+15:59", "Z", "UTC", "0000", "9999-12-31", "1970-01-01", "23:59:60"}};
}

}  // namespace spendsync::fuzz
