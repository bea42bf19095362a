#include "config/cron.h"

#include <gtest/gtest.h>

namespace spendsync::config {
namespace {

using Minute = CronExpression::Minute;

constexpr auto kHour = std::chrono::hours(1);

template <size_t N>
std::string members(const std::bitset<N>& set) {
  std::string result;
  for (size_t i = 0; i < N; ++i) {
    if (set.test(i)) result += (result.empty() ? "" : ",") + std::to_string(i);
  }
  return result;
}

TEST(CronExpression, ReadsEveryFormOfAField) {
  const auto cron = CronExpression::literal("5,10-12 */6 1-10/3 jan,MAR-may 1-5");
  EXPECT_EQ(members(cron.minutes()), "5,10,11,12");
  EXPECT_EQ(members(cron.hours()), "0,6,12,18");
  EXPECT_EQ(members(cron.days_of_month()), "1,4,7,10");
  EXPECT_EQ(members(cron.months()), "1,3,4,5");
  EXPECT_EQ(members(cron.days_of_week()), "1,2,3,4,5");
}

TEST(CronExpression, SundayIsZeroAndSevenAndTheEndOfARange) {
  EXPECT_EQ(members(CronExpression::literal("0 0 * * 0").days_of_week()), "0");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * 7").days_of_week()), "0");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * sun").days_of_week()), "0");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * 5-7").days_of_week()), "0,5,6");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * fri-sun").days_of_week()), "0,5,6");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * sun-tue").days_of_week()), "0,1,2");
  EXPECT_EQ(members(CronExpression::literal("0 0 * * *").days_of_week()), "0,1,2,3,4,5,6");
}

TEST(CronExpression, NormalisesItsTextAndComparesByMeaning) {
  const auto cron = CronExpression::literal("  0\t0  * *   SUN ");
  EXPECT_EQ(cron.to_string(), "0 0 * * sun");
  EXPECT_EQ(cron, CronExpression::literal("0 0 * * 7"));
  EXPECT_FALSE(cron == CronExpression::literal("0 0 * * 1"));
  EXPECT_FALSE(CronExpression::literal("0 0 1-31 * 1") == CronExpression::literal("0 0 * * 1"))
      << "a restricted day of month is joined by `or`, a star by `and`";
}

TEST(CronExpression, MatchesEitherDayFieldWhenBothAreRestricted) {
  const auto both = CronExpression::literal("0 0 13 * 5");
  EXPECT_TRUE(both.matches(Minute{.day_of_month = 13, .month = 6, .day_of_week = 2}));
  EXPECT_TRUE(both.matches(Minute{.day_of_month = 14, .month = 6, .day_of_week = 5}));
  EXPECT_FALSE(both.matches(Minute{.day_of_month = 14, .month = 6, .day_of_week = 2}));
  const auto starred = CronExpression::literal("0 0 */2 * 5");
  EXPECT_TRUE(starred.matches(Minute{.day_of_month = 13, .month = 6, .day_of_week = 5}));
  EXPECT_FALSE(starred.matches(Minute{.day_of_month = 14, .month = 6, .day_of_week = 5}));
  EXPECT_FALSE(starred.matches(Minute{.day_of_month = 13, .month = 6, .day_of_week = 2}));
}

TEST(CronExpression, MatchesMinuteHourAndMonth) {
  const auto cron = CronExpression::literal("30 9 1 */3 *");
  EXPECT_TRUE(cron.matches(Minute{.minute = 30, .hour = 9, .day_of_month = 1, .month = 4}));
  EXPECT_FALSE(cron.matches(Minute{.minute = 31, .hour = 9, .day_of_month = 1, .month = 4}));
  EXPECT_FALSE(cron.matches(Minute{.minute = 30, .hour = 10, .day_of_month = 1, .month = 4}));
  EXPECT_FALSE(cron.matches(Minute{.minute = 30, .hour = 9, .day_of_month = 1, .month = 5}));
}

TEST(CronExpression, KnowsItsLongestGap) {
  EXPECT_EQ(CronExpression::literal("* * * * *").longest_gap(), std::chrono::minutes(1));
  EXPECT_EQ(CronExpression::literal("0 */4 * * *").longest_gap(), 4 * kHour);
  EXPECT_EQ(CronExpression::literal("0 0,9 * * *").longest_gap(), 15 * kHour);
  EXPECT_EQ(CronExpression::literal("0 0 * * 0").longest_gap(), 7 * 24 * kHour);
  EXPECT_EQ(CronExpression::literal("0 0 * * 1-6").longest_gap(), 48 * kHour);
  EXPECT_EQ(CronExpression::literal("0 0 1 * *").longest_gap(), 31 * 24 * kHour);
  EXPECT_EQ(CronExpression::literal("0 0 29 2 *").longest_gap(), (4 * 365 + 1) * 24 * kHour);
}

TEST(CronExpression, KnowsTheLongestGapOfTwoTogether) {
  const auto full = CronExpression::literal("0 0 * * 0");
  const auto incremental = CronExpression::literal("0 0 * * 1-6");
  EXPECT_EQ(CronExpression::longest_gap(full, incremental), 24 * kHour);
  const auto morning = CronExpression::literal("0 6 * * *");
  const auto evening = CronExpression::literal("0 20 * * *");
  EXPECT_EQ(CronExpression::longest_gap(morning, evening), 14 * kHour);
}

struct BadCase {
  const char* text;
  size_t offset;
  const char* message;
};

class BadCron : public testing::TestWithParam<BadCase> {};

TEST_P(BadCron, IsRefusedAtTheVeryByte) {
  const auto parsed = CronExpression::parse(GetParam().text);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().offset, GetParam().offset);
  EXPECT_EQ(parsed.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadCron,
    testing::Values(
        BadCase{"", 0, "cron expression is empty"}, BadCase{"   ", 0, "cron expression is empty"},
        BadCase{"0 0 * *", 7, "cron expression has 4 of five fields"},
        BadCase{"0 0 * * * *", 10, "cron expression has 6 fields, not five"},
        BadCase{"60 0 * * *", 0, "minute 60 is out of range"}, BadCase{"0 24 * * *", 2, "hour 24 is out of range"},
        BadCase{"0 0 0 * *", 4, "day of month 0 is out of range"},
        BadCase{"0 0 32 * *", 4, "day of month 32 is out of range"},
        BadCase{"0 0 * 13 *", 6, "month 13 is out of range"}, BadCase{"0 0 * 0 *", 6, "month 0 is out of range"},
        BadCase{"0 0 * * 8", 8, "day of week 8 is out of range"},
        BadCase{"0 0 * * 1,2,9", 12, "day of week 9 is out of range"},
        BadCase{"-1 0 * * *", 0, "minute '-1' has a sign"},
        BadCase{"4294967296 0 * * *", 0, "minute 4294967296 is out of range"},
        BadCase{"1,,2 0 * * *", 2, "minute has an empty list item"},
        BadCase{"1, 0 * * *", 2, "minute has an empty list item"}, BadCase{"1- 0 * * *", 2, "minute is empty here"},
        BadCase{"*/ 0 * * *", 2, "step '' is not a number"}, BadCase{"*/x 0 * * *", 2, "step 'x' is not a number"},
        BadCase{"*/0 0 * * *", 2, "step 0 never advances"},
        BadCase{"0 */24 * * *", 4, "step 24 is larger than the field"},
        BadCase{"1/5 0 * * *", 1, "a step needs a range, not '1'"},
        BadCase{"0 9-5 * * *", 2, "range '9-5' runs backwards"},
        BadCase{"0 0 * nov-feb *", 6, "range 'nov-feb' runs backwards"},
        BadCase{"0 0 * * monday", 8, "day of week 'monday' is not known"},
        BadCase{"0 0 * janu *", 6, "month 'janu' is not known"},
        BadCase{"0 0 * * mon#2", 8, "day of week 'mon#2' is not supported"},
        BadCase{"0 0 L * *", 4, "day of month 'l' is not supported"},
        BadCase{"0 0 ? * 1", 4, "day of month '?' is not supported"},
        BadCase{"0 noon * * *", 2, "hour 'noon' is not a number"}, BadCase{"@daily", 0, "'@daily' is not supported"},
        BadCase{"@reboot", 0, "'@reboot' is not supported"}, BadCase{"0 0 30 2 *", 4, "day 30 never comes in month 2"},
        BadCase{"0 0 30 feb 1", 4, "day 30 never comes in month feb"},
        BadCase{"0 0 31 2,4,6,9,11 *", 4, "day 31 never comes in month 2,4,6,9,11"}));

TEST(CronExpression, SuggestsWhatWasProbablyMeant) {
  EXPECT_EQ(CronExpression::parse("@weekly").error().suggestion, "write \"0 0 * * 0\"");
  EXPECT_EQ(CronExpression::parse("0 0 * * monday").error().suggestion, "write 'mon'");
  EXPECT_EQ(CronExpression::parse("0 0 * * wde").error().suggestion, "did you mean 'wed'?");
  EXPECT_EQ(CronExpression::parse("0 22-4 * * *").error().suggestion, "write two: '22-23,0-4'");
  EXPECT_EQ(CronExpression::parse("5/15 * * * *").error().suggestion, "write '5-59/15'");
}

}  // namespace
}  // namespace spendsync::config
