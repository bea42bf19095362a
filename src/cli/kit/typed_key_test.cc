#include "cli/kit/typed_key.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "crypto/key_file_wrapper.h"

namespace spendsync::cli {
namespace {

using crypto::key_file_id;
using testing::ElementsAre;
using testing::HasSubstr;

Secret sample() {
  Secret key;
  for (size_t i = 0; i < Secret::kSize; ++i) key.mutable_view()[i] = static_cast<std::byte>(0x80 + i);
  return key;
}

std::string text_of(const Secret& key) {
  std::string text;
  for (const auto& line : typed_key_lines(key, key_file_id(key))) text += line + "\n";
  return text;
}

TEST(TypedKey, HasTheShapeThatTheRunbookShows) {
  // The id is that of docs/format/keys.md; the checksums: printf 'spendsync-backup/1/kit/1' + bytes | sha256sum.
  EXPECT_THAT(typed_key_lines(sample(), key_file_id(sample())),
              ElementsAre("key 1: 8081 8283 8485 8687 / 8e38", "key 2: 8889 8a8b 8c8d 8e8f / 0df9",
                          "key 3: 9091 9293 9495 9697 / 7a10", "key 4: 9899 9a9b 9c9d 9e9f / e31a",
                          "key id: e5be69e61b779b27"));
}

TEST(TypedKey, ComesBackHoweverItIsTyped) {
  auto text = text_of(sample());
  EXPECT_TRUE(std::ranges::equal(MUST(parse_typed_key(text)).view(), sample().view()));
  std::string loud;
  for (char c : text) loud += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_TRUE(std::ranges::equal(MUST(parse_typed_key(loud)).view(), sample().view()));
  std::string crammed;
  for (char c : text) {
    if (c != '/') crammed += c;
  }
  EXPECT_OK(parse_typed_key("RECOVERY KIT\n   " + crammed + "\nprinted today\n"));
}

TEST(TypedKey, EveryMistypedDigitIsFound) {
  const auto text = text_of(sample());
  const std::string digits = "0123456789abcdef";
  for (size_t line_begin = 0, line = 1; line <= 4; ++line) {
    const auto end = text.find('\n', line_begin);
    for (size_t i = line_begin + 7; i < end; ++i) {
      const auto at = digits.find(text[i]);
      if (at == std::string::npos) continue;
      auto wrong = text;
      wrong[i] = digits[(at + 1) % 16];
      auto parsed = parse_typed_key(wrong);
      ASSERT_FALSE(parsed) << wrong;
      EXPECT_KIND(parsed, ErrorKind::invalid);
      EXPECT_THAT(parsed.error().message(), HasSubstr("line 'key " + std::to_string(line) + ":' was mistyped"));
    }
    line_begin = end + 1;
  }
}

TEST(TypedKey, MissingLinesAndMixedKitsAreNamed) {
  const auto text = text_of(sample());
  auto parsed = parse_typed_key("");
  EXPECT_KIND(parsed, ErrorKind::invalid);
  EXPECT_THAT(parsed.error().message(), HasSubstr("'key 1:'"));
  auto cut = text.substr(0, text.find("key 3"));
  EXPECT_THAT(parse_typed_key(cut).error().message(), HasSubstr("'key 3:'"));
  auto shorter = text;
  shorter.erase(text.find("8283"), 1);
  EXPECT_THAT(parse_typed_key(shorter).error().message(), HasSubstr("has 19 hexadecimal digits; there should be 20"));
  EXPECT_THAT(parse_typed_key(text.substr(0, text.find("key id"))).error().message(), HasSubstr("'key id:'"));
  Secret other;
  auto mixed = text_of(other);
  mixed.replace(mixed.find("key 2"), mixed.find("key 3") - mixed.find("key 2"),
                text.substr(text.find("key 2"), text.find("key 3") - text.find("key 2")));
  EXPECT_THAT(parse_typed_key(mixed).error().message(), HasSubstr("two different kits"));
}

}  // namespace
}  // namespace spendsync::cli
