#include "restore/request.h"

#include "base/testing.h"

namespace spendsync::restore {
namespace {

using Base = RestoreRequest::Base;
using Target = RestoreRequest::Target;

TimeZone berlin() { return MUST(TimeZone::find("Europe/Berlin")); }
Timestamp at(std::string_view text) { return MUST(parse_rfc3339(text)); }

TEST(RestoreRequest, ReadsTheSpecificationsCall) {
  auto request = MUST(parse_request(
      {.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 14:30:00"}, TimeZone::utc()));
  EXPECT_EQ(request.base, Base::point_in_time);
  EXPECT_EQ(request.target, Target::time);
  EXPECT_EQ(request.time, at("2024-03-15T14:30:00Z"));
  ASSERT_TRUE(request.day);
  EXPECT_EQ(request.day->begin, at("2024-03-15T00:00:00Z"));
  EXPECT_EQ(request.scope, Scope::everything);
  EXPECT_EQ(request.ending, Ending::stopped);
}

TEST(RestoreRequest, TakesDaysAndTimesInTheConfiguredZone) {
  auto request = MUST(
      parse_request({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 00:30:00"}, berlin()));
  EXPECT_EQ(request.time, at("2024-03-14T23:30:00Z"));
  EXPECT_EQ(request.day->begin, at("2024-03-14T23:00:00Z"));
}

TEST(RestoreRequest, KnowsThatDaysOfASummerTimeChangeAreShorterOrLonger) {
  auto spring = MUST(parse_request({.type = "full", .date = "20240331"}, berlin()));
  EXPECT_EQ(spring.day->end - spring.day->begin, std::chrono::hours(23));
  auto autumn = MUST(parse_request({.type = "full", .date = "20241027"}, berlin()));
  EXPECT_EQ(autumn.day->end - autumn.day->begin, std::chrono::hours(25));
  EXPECT_KIND(
      parse_request({.type = "point_in_time", .date = "20241027", .point_in_time = "2024-10-27 02:30:00"}, berlin()),
      ErrorKind::invalid);
  auto told = MUST(parse_request(
      {.type = "point_in_time", .date = "20241027", .point_in_time = "2024-10-27 02:30:00+01"}, berlin()));
  EXPECT_EQ(told.time, at("2024-10-27T01:30:00Z"));
}

TEST(RestoreRequest, RefusesATimeOnAnotherDayThanTheDate) {
  auto other = parse_request({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-16 00:30:00"},
                             TimeZone::utc());
  EXPECT_KIND(other, ErrorKind::invalid);
  EXPECT_NE(other.error().hint().find("20240316"), std::string::npos) << other.error().hint();
  // 23:30 UTC is the next day in Berlin.
  EXPECT_KIND(
      parse_request({.type = "point_in_time", .date = "20240315", .point_in_time = "2024-03-15 23:30:00Z"}, berlin()),
      ErrorKind::invalid);
  EXPECT_OK(
      parse_request({.type = "point_in_time", .date = "20240316", .point_in_time = "2024-03-15 23:30:00Z"}, berlin()));
}

TEST(RestoreRequest, TakesLabelsOfTheRightType) {
  auto request = MUST(parse_request({.type = "full", .date = "20240315T000000Z-full"}, TimeZone::utc()));
  EXPECT_EQ(request.label->text(), "20240315T000000Z-full");
  EXPECT_KIND(parse_request({.type = "incremental", .date = "20240315T000000Z-full"}, TimeZone::utc()),
              ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "full", .date = "20240315T000000Z-nonsense"}, TimeZone::utc()),
              ErrorKind::invalid);
  EXPECT_OK(parse_request({.type = "transaction_logs", .date = "20240315T040000Z-transaction_logs"}, TimeZone::utc()));
  EXPECT_KIND(parse_request({.type = "point_in_time", .date = "20240315T040000Z-transaction_logs"}, TimeZone::utc()),
              ErrorKind::invalid);
}

TEST(RestoreRequest, RefusesWhatItCannotRead) {
  EXPECT_KIND(parse_request({}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "ful", .date = "20240315"}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "full"}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "full", .date = "2024-03-15"}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "full", .date = "20240230"}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "point_in_time", .date = "20240315", .point_in_time = "noon"}, TimeZone::utc()),
              ErrorKind::invalid);
  EXPECT_KIND(parse_request({.date = "20240315", .latest = true}, TimeZone::utc()), ErrorKind::invalid);
}

TEST(RestoreRequest, TakesOneTargetOnly) {
  RequestWords words{.type = "full", .date = "20240315"};
  words.target_lsn = "0/3000028";
  EXPECT_EQ(MUST(parse_request(words, TimeZone::utc())).lsn, Lsn{0x3000028});
  words.immediate = true;
  EXPECT_KIND(parse_request(words, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.type = "full", .date = "20240315", .point_in_time = "2024-03-15 14:30", .latest = true},
                            TimeZone::utc()),
              ErrorKind::invalid);
}

TEST(RestoreRequest, ChecksTransactionsNamesAndTimelines) {
  RequestWords words;
  words.target_xid = "742";
  EXPECT_EQ(MUST(parse_request(words, TimeZone::utc())).transaction, "742");
  for (const char* bad : {"", "0", "-1", "7x", "123456789012345678901"}) {
    words.target_xid = bad;
    EXPECT_KIND(parse_request(words, TimeZone::utc()), ErrorKind::invalid);
  }
  RequestWords named;
  named.target_name = std::string(63, 'n');
  EXPECT_OK(parse_request(named, TimeZone::utc()));
  named.target_name = std::string(64, 'n');
  EXPECT_KIND(parse_request(named, TimeZone::utc()), ErrorKind::invalid);
  RequestWords timeline{.latest = true};
  timeline.target_timeline = 0;
  EXPECT_KIND(parse_request(timeline, TimeZone::utc()), ErrorKind::invalid);
  timeline.target_timeline = 3;
  EXPECT_EQ(MUST(parse_request(timeline, TimeZone::utc())).timeline, TimelineId{3});
}

TEST(RestoreRequest, KnowsWhichOptionsExcludeEachOther) {
  EXPECT_KIND(parse_request({.latest = true, .files_only = true, .database_only = true}, TimeZone::utc()),
              ErrorKind::invalid);
  EXPECT_KIND(parse_request({.latest = true, .start = true, .no_start = true}, TimeZone::utc()), ErrorKind::invalid);
  EXPECT_KIND(parse_request({.latest = true, .files_only = true, .no_start = true}, TimeZone::utc()),
              ErrorKind::invalid);
  EXPECT_EQ(MUST(parse_request({.latest = true, .files_only = true}, TimeZone::utc())).scope, Scope::files);
  EXPECT_EQ(MUST(parse_request({.latest = true, .no_start = true}, TimeZone::utc())).ending, Ending::before_recovery);
}

TEST(Request, ASideOfTheRecordIsSaidOfAPositionOnly) {
  RequestWords words;
  words.target_lsn = "0/3000028";
  words.exclusive = true;
  EXPECT_EQ(MUST(parse_request(words, TimeZone::utc())).edge, RestoreRequest::Edge::exclusive);
  words.inclusive = true;
  EXPECT_KIND(parse_request(words, TimeZone::utc()), ErrorKind::invalid);
  RequestWords latest;
  latest.latest = true;
  latest.inclusive = true;
  EXPECT_KIND(parse_request(latest, TimeZone::utc()), ErrorKind::invalid);
}

}  // namespace
}  // namespace spendsync::restore
