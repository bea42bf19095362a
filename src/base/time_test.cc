#include "base/time.h"

#include "base/testing.h"

namespace spendsync {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Timestamp at(std::string_view text) { return MUST(parse_rfc3339(text)); }
TimeZone zone(std::string_view name) { return MUST(TimeZone::find(name)); }
std::string local(std::string_view zone_name, std::string_view text) {
  return format_utc(MUST(zone(zone_name).parse_local(text)));
}

TEST(UtcTime, RoundTrips) {
  for (std::string_view text : {"2024-03-15T14:30:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z",
                                "2024-02-29T23:59:59.5Z", "9999-12-31T23:59:59.123456Z", "0001-01-01T00:00:00Z"}) {
    EXPECT_EQ(format_utc(at(text)), text);
  }
  EXPECT_EQ(at("1970-01-01T00:00:01.5Z").time_since_epoch(), 1500000us);
}

TEST(UtcTime, AcceptsOffsetsSpacesAndFractions) {
  EXPECT_EQ(format_utc(at("2024-03-15 14:30:00+02")), "2024-03-15T12:30:00Z");
  EXPECT_EQ(format_utc(at("2024-03-15T14:30:00.25-03:30")), "2024-03-15T18:00:00.25Z");
  EXPECT_EQ(format_utc(at("2024-03-15T14:30:00+0545")), "2024-03-15T08:45:00Z");
}

TEST(UtcTime, RefusesWhatIsNoMoment) {
  for (std::string_view text : {"",
                                "2024-03-15",
                                "2024-03-15T14:30Z",
                                "2024-03-15T14:30:00",
                                "2023-02-29T00:00:00Z",
                                "2024-13-01T00:00:00Z",
                                "2024-04-31T00:00:00Z",
                                "2024-03-15T24:00:00Z",
                                "2024-03-15T14:60:00Z",
                                "2024-03-15T14:30:60Z",
                                "2024-03-15T14:30:00.Z",
                                "2024-03-15T14:30:00.1234567Z",
                                "2024-03-15T14:30:00+2",
                                "2024-03-15T14:30:00+16",
                                "2024-03-15T14:30:00+02:",
                                "2024-03-15T14:30:00+02:60",
                                "2024-03-15T14:30:00Zx",
                                "+024-03-15T14:30:00Z",
                                "2024-3-15T14:30:00Z",
                                "2024-03-15T14:30:00 Europe/Berlin"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(parse_rfc3339(text), ErrorKind::invalid);
  }
}

TEST(UtcTime, CompactFormIsThatOfLabels) {
  EXPECT_EQ(format_compact_utc(at("2024-03-15T14:30:00.9Z")), "20240315T143000Z");
  EXPECT_EQ(MUST(parse_compact_utc("20240315T143000Z")), at("2024-03-15T14:30:00Z"));
  for (std::string_view text : {"20240315T143000", "20240230T143000Z", "20240315T250000Z", "20240315t143000Z",
                                "2024-315T143000Z", "20240315T14300 Z"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(parse_compact_utc(text), ErrorKind::invalid);
  }
}

TEST(PostgresTime, CountsFrom2000) {
  EXPECT_EQ(from_postgres_time(0), at("2000-01-01T00:00:00Z"));
  EXPECT_EQ(from_postgres_time(763828200000001), at("2024-03-15T14:30:00.000001Z"));
}

TEST(FormatDuration, HasTwoUnitsAtMost) {
  EXPECT_EQ(format_duration(0us), "0 us");
  EXPECT_EQ(format_duration(350ms), "350 ms");
  EXPECT_EQ(format_duration(1500ms), "1.5 s");
  EXPECT_EQ(format_duration(41s), "41 s");
  EXPECT_EQ(format_duration(60s), "1 min");
  EXPECT_EQ(format_duration(61s), "1 min 1 s");
  EXPECT_EQ(format_duration(3h + 12min + 5s), "3 h 12 min");
  EXPECT_EQ(format_duration(49h), "2 d 1 h");
  EXPECT_EQ(format_duration(-90s), "-1 min 30 s");
}

TEST(FormatBytes, UsesBinaryUnits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((1u << 20) - 1), "1.0 MiB");
  EXPECT_EQ(format_bytes(uint64_t{3} << 30), "3.0 GiB");
  EXPECT_EQ(format_bytes(~uint64_t{0}), "16.0 EiB");
}

TEST(TimeZone, KnowsTheSystemsZonesAndNoOthers) {
  EXPECT_EQ(zone("Europe/Berlin").name(), "Europe/Berlin");
  for (std::string_view name : {"", "Mars/Olympus", "europe/berlin ", "../etc/passwd", "/etc/localtime"}) {
    SCOPED_TRACE(name);
    EXPECT_KIND(TimeZone::find(name), ErrorKind::invalid);
  }
}

TEST(TimeZone, ReadsLocalTimesInWinterAndSummer) {
  EXPECT_EQ(local("Europe/Berlin", "2024-01-15 14:30:00"), "2024-01-15T13:30:00Z");
  EXPECT_EQ(local("Europe/Berlin", "2024-07-15 14:30"), "2024-07-15T12:30:00Z");
  EXPECT_EQ(local("UTC", "2024-07-15 14:30:00.25"), "2024-07-15T14:30:00.25Z");
  EXPECT_EQ(local("Asia/Kathmandu", "2024-07-15 00:00"), "2024-07-14T18:15:00Z");
}

TEST(TimeZone, AnOffsetOrZoneAfterTheTimeWins) {
  EXPECT_EQ(local("Europe/Berlin", "2024-07-15 14:30:00+00"), "2024-07-15T14:30:00Z");
  EXPECT_EQ(local("Europe/Berlin", "2024-07-15 14:30:00 Z"), "2024-07-15T14:30:00Z");
  EXPECT_EQ(local("UTC", "2024-07-15 14:30:00 -04:00"), "2024-07-15T18:30:00Z");
  EXPECT_EQ(local("UTC", "2024-07-15 14:30 America/New_York"), "2024-07-15T18:30:00Z");
  auto unknown = zone("UTC").parse_local("2024-07-15 14:30 Mars/Olympus");
  EXPECT_KIND(unknown, ErrorKind::invalid);
  EXPECT_THAT(unknown.error().message(), HasSubstr("Mars/Olympus"));
}

TEST(TimeZone, ATimeThatTheClockSkippedIsRefusedWithTheChange) {
  auto skipped = zone("Europe/Berlin").parse_local("2024-03-31 02:30:00");
  EXPECT_KIND(skipped, ErrorKind::invalid);
  EXPECT_THAT(skipped.error().message(), HasSubstr("2024-03-31T01:00:00Z"));
  EXPECT_EQ(local("Europe/Berlin", "2024-03-31 01:59:59.999999"), "2024-03-31T00:59:59.999999Z");
  EXPECT_EQ(local("Europe/Berlin", "2024-03-31 03:00:00"), "2024-03-31T01:00:00Z");
  EXPECT_EQ(local("Europe/Berlin", "2024-03-31 02:30:00+02"), "2024-03-31T00:30:00Z");
}

TEST(TimeZone, ATimeThatOccurredTwiceIsRefusedWithBoth) {
  auto twice = zone("Europe/Berlin").parse_local("2024-10-27 02:30:00");
  EXPECT_KIND(twice, ErrorKind::invalid);
  EXPECT_THAT(twice.error().message(), HasSubstr("2024-10-27T00:30:00Z"));
  EXPECT_THAT(twice.error().message(), HasSubstr("2024-10-27T01:30:00Z"));
  EXPECT_KIND(zone("UTC").parse_local("2024-10-27 02:30:00 Europe/Berlin"), ErrorKind::invalid);
  EXPECT_EQ(local("Europe/Berlin", "2024-10-27 01:59:59"), "2024-10-26T23:59:59Z");
  EXPECT_EQ(local("Europe/Berlin", "2024-10-27 03:00:00"), "2024-10-27T02:00:00Z");
}

TEST(TimeZone, RefusesTextThatIsNoTime) {
  for (std::string_view text : {"", "now", "2024-07-15", "20240715 14:30", "2024-07-15 14",
                                "2024-07-15 14:30:", "2024-07-15 14:30:00 +", "2024-07-15  14:30"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(TimeZone::utc().parse_local(text), ErrorKind::invalid);
  }
}

TEST(TimeZone, DaysAreAsLongAsTheClockMadeThem) {
  auto length = [](std::string_view name, std::string_view day) {
    auto found = MUST(zone(name).parse_day(day));
    return std::chrono::duration_cast<std::chrono::hours>(found.end - found.begin).count();
  };
  EXPECT_EQ(length("Europe/Berlin", "20240315"), 24);
  EXPECT_EQ(length("Europe/Berlin", "20240331"), 23);
  EXPECT_EQ(length("Europe/Berlin", "20241027"), 25);
  EXPECT_EQ(length("America/Sao_Paulo", "20181104"), 23);  // the clock skipped midnight itself
  EXPECT_EQ(length("America/Sao_Paulo", "20180217"), 25);  // 23:00 to 24:00 occurred twice
  auto skipped_midnight = MUST(zone("America/Sao_Paulo").parse_day("20181104"));
  EXPECT_EQ(format_utc(skipped_midnight.begin), "2018-11-04T03:00:00Z");
  EXPECT_EQ(format_utc(MUST(TimeZone::utc().parse_day("20240315")).begin), "2024-03-15T00:00:00Z");
}

TEST(TimeZone, RefusesDaysThatNeverWere) {
  EXPECT_KIND(TimeZone::utc().parse_day("20230229"), ErrorKind::invalid);
  EXPECT_KIND(TimeZone::utc().parse_day("2024-3-1"), ErrorKind::invalid);
  EXPECT_KIND(zone("Pacific/Apia").parse_day("20111230"), ErrorKind::invalid);  // Samoa crossed the date line
}

TEST(TimeZone, ShowsInstantsInLocalTime) {
  EXPECT_EQ(zone("Europe/Berlin").format_local(at("2024-01-15T13:30:00.75Z")), "2024-01-15 14:30:00 CET");
  EXPECT_EQ(zone("Europe/Berlin").format_local(at("2024-07-15T12:30:00Z")), "2024-07-15 14:30:00 CEST");
  EXPECT_EQ(TimeZone::utc().format_local(at("2024-07-15T12:30:00Z")), "2024-07-15 12:30:00 UTC");
  EXPECT_EQ(zone("America/New_York").day_of(at("2024-03-15T02:00:00Z")), "20240314");
  EXPECT_EQ(zone("Asia/Tokyo").day_of(at("2024-03-14T15:00:00Z")), "20240315");
}

}  // namespace
}  // namespace spendsync
