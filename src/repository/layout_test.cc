#include "repository/layout.h"

#include "base/testing.h"

namespace spendsync::repository {
namespace {

constexpr uint32_t kSegmentSize = 16u << 20;

Layout sample_layout() { return Layout({"demo", {42}}); }
Label full() { return MUST(Label::parse("20240315T000000Z-full")); }

TEST(Layout, SpellsEveryKeyAsTheFormatPageDoes) {
  auto layout = sample_layout();
  auto incremental = MUST(Label::parse("20240316T000000Z-incremental"));
  SegmentName segment{{0x1A}, 0x3F};
  EXPECT_EQ(repository_key().text(), "repository");
  EXPECT_EQ(layout.identity().text(), "demo/42/identity");
  EXPECT_EQ(layout.key_wrap({}, "ab").text(), "demo/42/keys/00000000000000000000000000000000/ab");
  EXPECT_EQ(layout.started(full()).text(), "demo/42/backups/20240315T000000Z-full/started");
  EXPECT_EQ(layout.pack(full(), {{0xABC}, 17}).text(),
            "demo/42/backups/20240315T000000Z-full/packs/0000000000000abc-000017");
  EXPECT_EQ(layout.manifest(full()).text(), "demo/42/backups/20240315T000000Z-full/manifest");
  EXPECT_EQ(layout.child(full(), incremental).text(),
            "demo/42/backups/20240315T000000Z-full/children/20240316T000000Z-incremental");
  EXPECT_EQ(layout.expiring(full()).text(), "demo/42/backups/20240315T000000Z-full/expiring");
  EXPECT_EQ(layout.segment(segment, kSegmentSize).text(), "demo/42/wal/0000001A/0000001A000000000000003F");
  EXPECT_EQ(layout.segment_part(segment, kSegmentSize, {0, 0x10000}).text(),
            "demo/42/wal/0000001A/0000001A000000000000003F.part/00000000-00010000");
  EXPECT_EQ(layout.history({0x1A}).text(), "demo/42/wal/0000001A/history");
  EXPECT_EQ(MUST(layout.wal_file("0000001A000000000000003F.partial")).text(),
            "demo/42/wal/0000001A/0000001A000000000000003F.partial");
  EXPECT_EQ(layout.log(full()).text(), "demo/42/logs/20240315T000000Z-full");
  EXPECT_EQ(layout.tombstone(layout.manifest(full())).text(),
            "demo/42/tombstones/backups/20240315T000000Z-full/manifest");
}

TEST(Layout, KnowsEveryKeyItMakesAndNoOther) {
  auto layout = sample_layout();
  SegmentName segment{{1}, 5};
  EXPECT_EQ(classify_key(layout, layout.identity()), ObjectType::identity);
  EXPECT_EQ(classify_key(layout, layout.started(full())), ObjectType::started);
  EXPECT_EQ(classify_key(layout, layout.pack(full(), {{1}, 0})), ObjectType::pack);
  EXPECT_EQ(classify_key(layout, layout.manifest(full())), ObjectType::manifest);
  EXPECT_EQ(classify_key(layout, layout.child(full(), full())), ObjectType::child);
  EXPECT_EQ(classify_key(layout, layout.expiring(full())), ObjectType::expiring);
  EXPECT_EQ(classify_key(layout, layout.segment(segment, kSegmentSize)), ObjectType::wal);
  EXPECT_EQ(classify_key(layout, layout.segment_part(segment, kSegmentSize, {0, 8})), ObjectType::wal_part);
  EXPECT_EQ(classify_key(layout, layout.history({1})), ObjectType::history);
  EXPECT_EQ(classify_key(layout, MUST(layout.wal_file("000000010000000000000005.00000028.backup"))),
            ObjectType::wal_file);
  EXPECT_EQ(classify_key(layout, layout.log(full())), ObjectType::log);
  EXPECT_EQ(classify_key(layout, layout.tombstone(layout.identity())), ObjectType::tombstone);
  for (const char* stray :
       {"demo/43/identity", "demo/42/lock", "demo/42/backups/x/manifest",
        "demo/42/backups/20240315T000000Z-full/manifest.tmp", "demo/42/backups/20240315T000000Z-full/packs/1-2",
        "demo/42/wal/00000001/x", "demo/42/wal/00000001/000000020000000000000005", "demo/42/wal/0000001/history",
        "demo/42/wal/00000001/000000010000000000000005.part/0-8"}) {
    EXPECT_EQ(classify_key(layout, MUST(storage::ObjectKey::parse(stray))), std::nullopt) << stray;
  }
}

TEST(Layout, RefusesNamesThatAreNoClusters) {
  EXPECT_OK(check_cluster_name("spendsync-1_x.y"));
  for (const char* name : {"", ".hidden", "..", "a/b", "a b", "repository", "\xc3\xa4"}) {
    EXPECT_KIND(check_cluster_name(name), ErrorKind::invalid);
  }
  EXPECT_KIND(check_cluster_name(std::string(65, 'a')), ErrorKind::invalid);
  EXPECT_KIND(sample_layout().wal_file("../../x.partial"), ErrorKind::invalid);
  EXPECT_KIND(sample_layout().wal_file("000000010000000000000005"), ErrorKind::invalid);
}

TEST(Layout, ReadsPackNamesAndPartRangesInOneSpellingOnly) {
  PackName name{{0xdeadbeef}, 1234567};
  EXPECT_EQ(name.to_string(), "00000000deadbeef-1234567");
  EXPECT_EQ(MUST(PackName::parse(name.to_string())), name);
  for (const char* text : {"00000000DEADBEEF-000001", "deadbeef-000001", "00000000deadbeef-1", "00000000deadbeef-",
                           "00000000deadbeef-0000001"}) {
    EXPECT_KIND(PackName::parse(text), ErrorKind::invalid);
  }
  EXPECT_EQ(MUST(PartRange::parse("00000000-00010000")), (PartRange{0, 0x10000}));
  for (const char* text : {"00010000-00010000", "00020000-00010000", "0-1", "0000000a-0000000B"}) {
    EXPECT_KIND(PartRange::parse(text), ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace spendsync::repository
