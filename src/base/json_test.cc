#include "base/json.h"

#include <cmath>
#include <limits>

#include "base/testing.h"

namespace spendsync {
namespace {

using testing::HasSubstr;

TEST(Json, WritesMembersInTheOrderTheyWereSet) {
  Json value = Json::object();
  value.set("zeta", 1).set("alpha", true).set("list", Json::array().push("x").push(Json()));
  value.set("zeta", uint64_t{18446744073709551615u});
  EXPECT_EQ(value.dump(), R"({"zeta":18446744073709551615,"alpha":true,"list":["x",null]})");
}

TEST(Json, IndentsByTwoWhenPretty) {
  Json value;
  value.set("a", Json::array().push(1).push(Json::object())).set("b", Json::array());
  EXPECT_EQ(value.dump(true), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

TEST(Json, EscapesWhatMustBeEscaped) {
  EXPECT_EQ(Json(std::string("q\" b\\ n\n t\t r\r \x01 \x7f", 18)).dump(), R"("q\" b\\ n\n t\t r\r \u0001 \u007f")");
  EXPECT_EQ(Json("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80").dump(), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
}

TEST(Json, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  for (std::string_view bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    std::string text = Json(bad).dump();
    EXPECT_THAT(text, HasSubstr("\xef\xbf\xbd"));
    EXPECT_OK(Json::parse(text));
  }
}

TEST(Json, NumbersKeepTheirKindAndValue) {
  EXPECT_EQ(Json(1.0).dump(), "1.0");
  EXPECT_EQ(Json(0.1).dump(), "0.1");
  EXPECT_EQ(Json(1e300).dump(), "1e+300");
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(std::numeric_limits<int64_t>::min()).dump(), "-9223372036854775808");
}

TEST(Json, ParsesWhatItWrites) {
  std::string text =
      R"({"text":"a\"b","number":-5,"big":18446744073709551615,"real":2.5,"yes":true,"none":null,"list":[1,[],{}]})";
  EXPECT_EQ(MUST(Json::parse(text)).dump(), text);
  EXPECT_EQ(MUST(Json::parse(MUST(Json::parse(text)).dump(true))).dump(), text);
}

TEST(Json, TypedMembersSayWhatIsWrong) {
  Json value =
      MUST(Json::parse(R"({"text":"t","small":7,"negative":-7,"huge":18446744073709551615,"yes":true,"list":[1]})"));
  EXPECT_EQ(MUST(value.text("text")), "t");
  EXPECT_EQ(MUST(value.unsigned_integer("small")), 7u);
  EXPECT_EQ(MUST(value.integer("small")), 7);
  EXPECT_EQ(MUST(value.integer("negative")), -7);
  EXPECT_EQ(MUST(value.unsigned_integer("huge")), 18446744073709551615u);
  EXPECT_TRUE(MUST(value.boolean("yes")));
  EXPECT_EQ(MUST(value.array_of("list"))->size(), 1u);
  EXPECT_KIND(value.unsigned_integer("negative"), ErrorKind::corrupt);
  EXPECT_KIND(value.integer("huge"), ErrorKind::corrupt);
  EXPECT_KIND(value.text("small"), ErrorKind::corrupt);
  EXPECT_KIND(value.boolean("small"), ErrorKind::corrupt);
  EXPECT_KIND(value.array_of("text"), ErrorKind::corrupt);
  EXPECT_EQ(value.text("absent").error().message(), "member \"absent\" is missing");
  EXPECT_EQ(value.text("small").error().message(), "member \"small\" is no string");
}

TEST(Json, MembersSetInCodeReadLikeParsedOnes) {
  Json value;
  value.set("count", 3).set("size", uint32_t{4});
  EXPECT_EQ(MUST(value.unsigned_integer("count")), 3u);
  EXPECT_EQ(MUST(value.integer("size")), 4);
  EXPECT_EQ(value.find("absent"), nullptr);
  EXPECT_EQ(Json(5).find("x"), nullptr);
}

TEST(Json, RefusesMalformedText) {
  for (std::string_view text :
       {"",      " ",     "{",       "[1,]",   "{\"a\":1,}", "{a:1}",    "{'a':1}",          "nul",
        "01",    "+1",    "1e999",   "\"\n\"", "\"\\x\"",    "\"\xff\"", "\"\xed\xa0\x80\"", "\"\\ud800\"",
        "[1] x", "{} {}", "// c\n1", "NaN",    "\"open"}) {
    SCOPED_TRACE(text);
    EXPECT_KIND(Json::parse(text), ErrorKind::corrupt);
  }
}

TEST(Json, RefusesDuplicateMembersAtEveryLevel) {
  auto twice = Json::parse(R"({"a":1,"b":{"c":1,"c":2}})");
  EXPECT_KIND(twice, ErrorKind::corrupt);
  EXPECT_THAT(twice.error().message(), HasSubstr("\"c\""));
  EXPECT_KIND(Json::parse(R"({"a":1,"\u0061":2})"), ErrorKind::corrupt);
  EXPECT_OK(Json::parse(R"([{"a":1},{"a":2}])"));
}

TEST(Json, LimitsTheDepth) {
  auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_OK(Json::parse(nested(32)));
  EXPECT_KIND(Json::parse(nested(33)), ErrorKind::corrupt);
  EXPECT_KIND(Json::parse(nested(1'000'000)), ErrorKind::corrupt);
  EXPECT_OK(Json::parse(nested(3), 3));
  EXPECT_KIND(Json::parse(R"({"a":{"b":1}})", 1), ErrorKind::corrupt);
  EXPECT_OK(Json::parse("5", 0));
}

}  // namespace
}  // namespace spendsync
