#include "config/scalars.h"

#include <gtest/gtest.h>

namespace spendsync::config {
namespace {

Type of_kind(Kind kind) {
  Type type;
  type.kind = kind;
  return type;
}

TEST(Duration, ReadsEveryUnitWithAndWithoutASpace) {
  EXPECT_EQ(parse_duration("4 weeks"), 4 * 7 * 86400);
  EXPECT_EQ(parse_duration("1 week"), 7 * 86400);
  EXPECT_EQ(parse_duration("7 days"), 7 * 86400);
  EXPECT_EQ(parse_duration("48 hours"), 48 * 3600);
  EXPECT_EQ(parse_duration("48h"), 48 * 3600);
  EXPECT_EQ(parse_duration("90 min"), 5400);
  EXPECT_EQ(parse_duration("5 seconds"), 5);
  EXPECT_EQ(parse_duration("0 s"), 0);
}

TEST(Duration, PointsAtTheUnitThatItDoesNotKnow) {
  const auto months = parse_duration("3 months");
  ASSERT_FALSE(months.has_value());
  EXPECT_EQ(months.error().offset, 2u);
  EXPECT_EQ(months.error().suggestion, "months and years have no fixed length; use weeks or days");
  EXPECT_EQ(parse_duration("90 m").error().suggestion, "write 'minutes'");
  EXPECT_EQ(parse_duration("9 wekes").error().suggestion, "did you mean 'weeks'?");
  EXPECT_EQ(parse_duration("10 ms").error().suggestion, "the smallest unit is the second");
}

TEST(Duration, RefusesWhatIsNoWholeNumberWithAUnit) {
  for (const char* text : {"", "weeks", "4", "-4 weeks", "+4 weeks", "1.5 weeks", "1,5 weeks", "1 week 2 days",
                           "4\tweeks", "99999999999999999999 s", "99999999999999999 weeks", "0x10 s", " 4 weeks"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Size, KnowsBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("500 GiB"), int64_t{500} << 30);
  EXPECT_EQ(parse_size("500 GB"), 500'000'000'000);
  EXPECT_EQ(parse_size("64KiB"), 65536);
  EXPECT_EQ(parse_size("7 PiB"), int64_t{7} << 50);
  EXPECT_EQ(parse_size("12 B"), 12);
  EXPECT_EQ(parse_size("8191 PiB"), int64_t{8191} << 50);
  EXPECT_FALSE(parse_size("8192 PiB").has_value()) << "one more than 63 bits hold";
  EXPECT_FALSE(parse_size("500").has_value());
  EXPECT_FALSE(parse_size("500 gb").has_value());
}

TEST(ExactFormats, UseTheLargestUnitThatDivides) {
  EXPECT_EQ(format_exact_duration(2419200), "4 weeks");
  EXPECT_EQ(format_exact_duration(3600), "1 hour");
  EXPECT_EQ(format_exact_duration(3601), "3601 seconds");
  EXPECT_EQ(format_exact_duration(0), "0 seconds");
  EXPECT_EQ(format_exact_size(int64_t{500} << 30), "500 GiB");
  EXPECT_EQ(format_exact_size(1), "1 B");
}

TEST(Rate, TakesZeroAndSizesASecond) {
  const Type rate = of_kind(Kind::rate);
  EXPECT_EQ(parse_scalar("0", rate)->number, 0);
  EXPECT_EQ(parse_scalar("10 MiB", rate)->number, 10 << 20);
  EXPECT_EQ(parse_scalar("10 MiB/s", rate)->number, 10 << 20);
  EXPECT_EQ(parse_scalar("10 MiB/s", rate)->text, "10 MiB/s");
  EXPECT_FALSE(parse_scalar("10", rate).has_value());
  EXPECT_FALSE(parse_scalar("10 MiB/h", rate).has_value());
}

TEST(Boolean, IsTrueOrFalseAndNothingElse) {
  const Type boolean = of_kind(Kind::boolean);
  EXPECT_EQ(parse_scalar("true", boolean)->number, 1);
  EXPECT_EQ(parse_scalar("false", boolean)->number, 0);
  for (const char* text : {"yes", "on", "True", "TRUE", "y", "1"}) {
    EXPECT_EQ(parse_scalar(text, boolean).error().suggestion, "write true") << text;
  }
  for (const char* text : {"no", "off", "False", "n", "0"}) {
    EXPECT_EQ(parse_scalar(text, boolean).error().suggestion, "write false") << text;
  }
  EXPECT_FALSE(parse_scalar("maybe", boolean).has_value());
}

TEST(Integer, KeepsItsLimits) {
  Type level = of_kind(Kind::integer);
  level.lowest = -7;
  level.highest = 19;
  EXPECT_EQ(parse_scalar("-7", level)->number, -7);
  EXPECT_EQ(parse_scalar("0", level)->number, 0);
  EXPECT_EQ(parse_scalar("-8", level).error().message, "-8 is less than -7");
  EXPECT_EQ(parse_scalar("20", level).error().message, "20 is more than 19");
  for (const char* text : {"", "-", "1e3", "1_0", "0x1", "01", "+1", "9223372036854775808", "1.0"}) {
    EXPECT_FALSE(parse_scalar(text, level).has_value()) << text;
  }
}

TEST(Percent, NeedsItsSign) {
  Type percent = of_kind(Kind::percent);
  percent.highest = 100;
  EXPECT_EQ(parse_scalar("25 %", percent)->number, 25);
  EXPECT_EQ(parse_scalar("25%", percent)->text, "25 %");
  for (const char* text : {"25", "%", "2.5 %", "101 %", "-1 %"}) {
    EXPECT_FALSE(parse_scalar(text, percent).has_value()) << text;
  }
}

TEST(Workers, AreAutoOrANumber) {
  Type workers = of_kind(Kind::workers);
  workers.lowest = 1;
  workers.highest = 256;
  EXPECT_EQ(parse_scalar("auto", workers)->text, "auto");
  EXPECT_EQ(parse_scalar("8", workers)->number, 8);
  EXPECT_FALSE(parse_scalar("0", workers).has_value());
  EXPECT_FALSE(parse_scalar("257", workers).has_value());
  EXPECT_FALSE(parse_scalar("Auto", workers).has_value());
}

TEST(Path, IsAbsoluteAndDirect) {
  const Type path = of_kind(Kind::path);
  EXPECT_EQ(parse_scalar("/var/lib/spendsync/", path)->text, "/var/lib/spendsync");
  EXPECT_EQ(parse_scalar("/", path)->text, "/");
  EXPECT_EQ(parse_scalar("/a/..b/...", path)->text, "/a/..b/...");
  for (const char* text : {"", "a", "./a", "~/a", "/a/../b", "/a/./b", "/a//b", "/a/..", "/a\nb"}) {
    EXPECT_FALSE(parse_scalar(text, path).has_value()) << text;
  }
  EXPECT_EQ(parse_scalar("/var/../x", path).error().offset, 5u);
  EXPECT_FALSE(parse_scalar("/" + std::string(4095, 'a'), path).has_value());
  EXPECT_TRUE(parse_scalar("/" + std::string(4094, 'a'), path).has_value());
}

TEST(Text, NamesTheCharacterThatIsNotAllowed) {
  Type type = of_kind(Kind::text);
  type.text = {"a-z0-9", "a-z0-9_-", 1, 5, "small"};
  EXPECT_EQ(parse_scalar("a-_9", type)->text, "a-_9");
  EXPECT_EQ(parse_scalar("ab.c", type).error().offset, 2u);
  EXPECT_EQ(parse_scalar("ab.c", type).error().message, "'ab.c' holds '.'");
  EXPECT_EQ(parse_scalar("-ab", type).error().message, "'-ab' begins with '-'");
  EXPECT_EQ(parse_scalar("a\xC3\xA9", type).error().message, "'a\xC3\xA9' holds '\xC3\xA9'");
  EXPECT_FALSE(parse_scalar("", type).has_value());
  EXPECT_FALSE(parse_scalar("abcdef", type).has_value());
}

}  // namespace
}  // namespace spendsync::config
