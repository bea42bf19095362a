#include "storage/object_key.h"

#include "base/testing.h"

namespace spendsync::storage {
namespace {

TEST(ObjectKey, AcceptsTheNamesOfTheLayout) {
  for (const char* text :
       {"repository", "c/7300000000000000001/backups/20240315T000000Z-full/packs/00112233aabbccdd-000001",
        "c/7/wal/00000001/000000010000000000000001.part/00000000-00400000", "...", ".a", "a..b", "-"}) {
    auto key = ObjectKey::parse(text);
    ASSERT_OK(key);
    EXPECT_EQ(key->text(), text);
  }
}

TEST(ObjectKey, RefusesWhatCouldLeaveItsPlace) {
  for (std::string_view text : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "./a", "a/..", "a b", "a\\b",
                                "a:b", "a\nb", "a+b", "\xc3\xa4"}) {
    EXPECT_KIND(ObjectKey::parse(text), ErrorKind::invalid);
  }
  EXPECT_KIND(ObjectKey::parse(std::string_view("a\0b", 3)), ErrorKind::invalid);
}

TEST(ObjectKey, BoundsComponentsAndTheWhole) {
  EXPECT_OK(ObjectKey::parse(std::string(255, 'a')));
  EXPECT_KIND(ObjectKey::parse(std::string(256, 'a')), ErrorKind::invalid);
  std::string most = std::string(255, 'a') + "/" + std::string(255, 'b') + "/" + std::string(255, 'c') + "/" +
                     std::string(254, 'd') + "/e";
  ASSERT_EQ(most.size(), 1024u);
  EXPECT_OK(ObjectKey::parse(most));
  EXPECT_KIND(ObjectKey::parse(most + "f"), ErrorKind::invalid);
}

TEST(ObjectKey, NamesTheFaultAndShortensTheText) {
  auto error = ObjectKey::parse("a/../b");
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().message(), "'a/../b' is no object key: it has the component '.' or '..'");
  EXPECT_LT(ObjectKey::parse(std::string(100'000, 'a')).error().message().size(), 200u);
}

TEST(ObjectKey, OrdersByBytes) {
  EXPECT_LT(*ObjectKey::parse("a-b"), *ObjectKey::parse("a/b"));
  EXPECT_LT(*ObjectKey::parse("a/b"), *ObjectKey::parse("a0"));
  EXPECT_LT(*ObjectKey::parse("B"), *ObjectKey::parse("a"));
}

}  // namespace
}  // namespace spendsync::storage
