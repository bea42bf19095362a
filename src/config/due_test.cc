#include "config/due.h"

#include "base/testing.h"

namespace spendsync::config {
namespace {

std::string next(const char* cron, const char* after, const char* zone = "UTC") {
  const auto due = next_due(CronExpression::literal(cron), MUST(TimeZone::find(zone)), MUST(parse_rfc3339(after)));
  return due ? format_utc(*due) : "never";
}

TEST(Due, IsTheFirstMinuteAfterTheMoment) {
  EXPECT_EQ(next("0 */4 * * *", "2026-03-01T03:59:59Z"), "2026-03-01T04:00:00Z");
  EXPECT_EQ(next("0 */4 * * *", "2026-03-01T04:00:00Z"), "2026-03-01T08:00:00Z");
  EXPECT_EQ(next("* * * * *", "2026-03-01T04:00:00.5Z"), "2026-03-01T04:01:00Z");
}

TEST(Due, CrossesDaysMonthsAndYears) {
  EXPECT_EQ(next("0 0 * * 0", "2026-11-23T17:00:00Z"), "2026-11-29T00:00:00Z");  // Monday -> Sunday
  EXPECT_EQ(next("0 4 1 * *", "2026-12-01T04:00:00Z"), "2027-01-01T04:00:00Z");
  EXPECT_EQ(next("30 9 29 2 *", "2026-01-01T00:00:00Z"), "2028-02-29T09:30:00Z");
}

TEST(Due, FollowsTheZone) {
  EXPECT_EQ(next("0 0 * * *", "2026-07-01T12:00:00Z", "Europe/Berlin"), "2026-07-01T22:00:00Z");
  EXPECT_EQ(next("0 0 * * *", "2026-01-01T12:00:00Z", "Europe/Berlin"), "2026-01-01T23:00:00Z");
}

TEST(Due, SkippedWallTimeWaitsForTheNextDayAndARepeatedOneIsDueOnce) {
  EXPECT_EQ(next("30 2 * * *", "2026-03-29T00:00:00Z", "Europe/Berlin"), "2026-03-30T00:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T00:00:00Z", "Europe/Berlin"), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next("30 2 * * *", "2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-26T01:30:00Z");
}

}  // namespace
}  // namespace spendsync::config
