#include "config/document.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace spendsync::config {
namespace {

struct Reading {
  std::optional<Node> document;
  std::vector<Diagnostic> diagnostics;
  std::string first() const { return diagnostics.empty() ? "" : diagnostics.front().to_string(); }
};

Reading read(std::string_view text) {
  Findings findings("f");
  Reading reading;
  if (const auto source = SourceText::create(text, findings)) reading.document = read_document(*source, findings);
  reading.diagnostics = findings.take();
  return reading;
}

TEST(Document, KeepsOrderPositionsQuotingAndRepeatedKeys) {
  const auto reading = read("a: 1\nb:\n  - \"x\"\n  - y\na: 'z'\n");
  ASSERT_TRUE(reading.document.has_value());
  const auto& entries = reading.document->entries;
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].key, "a");
  EXPECT_TRUE(entries[0].value.plain);
  EXPECT_EQ(entries[1].value.items.size(), 2u);
  EXPECT_EQ(entries[1].value.items[0].position, (Position{3, 5}));
  EXPECT_FALSE(entries[1].value.items[0].plain);
  EXPECT_TRUE(entries[1].value.items[1].plain);
  EXPECT_EQ(entries[2].key, "a");
  EXPECT_EQ(entries[2].key_position, (Position{5, 1}));
  EXPECT_EQ(entries[2].value.text, "z");
}

TEST(Document, CountsColumnsInCharacters) {
  const auto reading = read("\xC3\xBC: [\xE2\x82\xAC, x]\n");
  ASSERT_TRUE(reading.document.has_value());
  EXPECT_EQ(reading.document->entries[0].value.items[1].position, (Position{1, 8}));
}

TEST(Document, SkipsAByteOrderMarkAndReadsCrlf) {
  const auto reading = read(
      "\xEF\xBB\xBF"
      "a: x\r\nb: y\r\n");
  ASSERT_TRUE(reading.document.has_value()) << reading.first();
  EXPECT_EQ(reading.document->entries[0].value.text, "x");
  EXPECT_EQ(reading.document->entries[1].value.position, (Position{2, 4}));
}

TEST(Document, RefusesWhatIsNotUtf8Text) {
  EXPECT_EQ(read(std::string_view("\xFF\xFE"
                                  "a\0",
                                  4))
                .first(),
            "f:1:1: error: file is UTF-16 - save the file as UTF-8");
  EXPECT_EQ(read(std::string_view("a\0b", 3)).first(), "f:1:2: error: invisible character U+0000 - remove it");
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"}) {
    const auto reading = read(std::string("ab") + bad);
    ASSERT_EQ(reading.diagnostics.size(), 1u);
    EXPECT_EQ(reading.diagnostics[0].position, (Position{1, 3}));
    EXPECT_NE(reading.diagnostics[0].message.find("is not UTF-8"), std::string::npos);
  }
}

TEST(Document, RefusesEmptyAndTooLargeFiles) {
  EXPECT_EQ(read("").first(), "f:1:1: error: the file holds no configuration - start with 'version: 1'");
  const std::string comment(kMaximumConfigBytes - 6, '#');
  EXPECT_TRUE(read("a: 1\n" + comment).document.has_value());
  EXPECT_NE(read("a: 1\n" + comment + "##").first().find("more than 1048576 bytes"), std::string::npos);
}

TEST(Document, AllowsSixteenLevelsAndNoMore) {
  const auto nested = [](size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_TRUE(read(nested(16)).document.has_value());
  EXPECT_EQ(read(nested(17)).first(), "f:1:17: error: more than 16 levels of nesting");
  for (const char* bracket : {"[", "{", "- ", "[{", "? "}) {
    std::string flood;
    while (flood.size() < 200'000) flood += bracket;
    const auto reading = read(flood);
    EXPECT_FALSE(reading.document.has_value());
    EXPECT_EQ(reading.diagnostics.size(), 1u) << bracket;
  }
}

TEST(Document, SeesThatAQuoteIsNeverClosed) {
  for (const char* text : {"a: \"x\n", "a: 'x\n", "a: 'it''s\n", "a: 'x''\n", "a: \"x\\\"\n", "a: ['x', 'y\n"}) {
    EXPECT_NE(read(text).first().find("quoted text never ends"), std::string::npos) << text << read(text).first();
  }
  for (const char* text : {"a: \"x\"", "a: 'it''s'", "a: ''", "a: \"\\\"\"", "a: ''''", "a: |\n  'x\n"}) {
    EXPECT_TRUE(read(text).document.has_value()) << text << read(text).first();
  }
}

TEST(PlainMeaning, IsWhatYamlReadersTakeItFor) {
  for (const char* text : {"", "~", "null", "Null"}) EXPECT_EQ(plain_meaning(text), PlainMeaning::null) << text;
  for (const char* text : {"true", "False", "yes", "NO", "on", "y"})
    EXPECT_EQ(plain_meaning(text), PlainMeaning::boolean) << text;
  for (const char* text : {"0", "-1", "1_000", "1.5", ".5", "1e9", "1.5E-3", "0x1F", "0o17", ".inf", "-.INF", ".nan"}) {
    EXPECT_EQ(plain_meaning(text), PlainMeaning::number) << text;
  }
  for (const char* text : {"-", "+", ".", "e9", "0x", "1.2.3", "127.0.0.1", "4 weeks", "nullable", "1e", "yes!"}) {
    EXPECT_EQ(plain_meaning(text), PlainMeaning::text) << text;
  }
}

}  // namespace
}  // namespace spendsync::config
