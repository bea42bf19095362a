#include "postgres/wal/change_set.h"

#include <random>

#include "base/testing.h"

namespace spendsync::postgres {
namespace {

constexpr RelationPlace kTable{1663, 5, 16384};

WalChangeSet sample() {
  WalChangeSet changes;
  for (uint32_t block : {7u, 3u, 7u, 131072u, UINT32_MAX, 0u}) changes.add_block(kTable, {block});
  changes.add_block({1664, 0, 1260}, {1});
  changes.add_relation({1663, 5, 20001});
  changes.add_database(1663, 9);
  changes.add_tablespace(20000);
  changes.sort();
  return changes;
}

Bytes encoded(WalChangeSet changes) {
  Bytes bytes;
  changes.encode(bytes);
  return bytes;
}

void expect_sample(const WalChangeSet& changes) {
  auto blocks = changes.blocks(kTable);
  EXPECT_EQ(std::vector<uint32_t>(blocks.begin(), blocks.end()), (std::vector<uint32_t>{0, 3, 7, 131072, UINT32_MAX}));
  EXPECT_EQ(changes.block_count(), 6u);
  EXPECT_TRUE(changes.is_remade({1663, 5, 20001}));
  EXPECT_FALSE(changes.is_remade({1663, 5, 20002}));
  EXPECT_TRUE(changes.is_remade({1663, 9, 1}));
  EXPECT_FALSE(changes.is_remade({1664, 9, 1}));
  EXPECT_TRUE(changes.is_remade({20000, 3, 1}));
  EXPECT_FALSE(changes.is_remade(kTable));
  EXPECT_FALSE(changes.incomplete());
}

TEST(WalChangeSet, KeepsEveryBlockOnceAndInOrder) { expect_sample(sample()); }

TEST(WalChangeSet, ComesBackFromItsEncoding) {
  expect_sample(MUST(WalChangeSet::decode(encoded(sample()))));
  EXPECT_TRUE(MUST(WalChangeSet::decode(encoded({}))).empty());
  WalChangeSet incomplete;
  incomplete.set_incomplete(UnloggedCause::minimal_level);
  EXPECT_EQ(MUST(WalChangeSet::decode(encoded(incomplete))).incomplete(), UnloggedCause::minimal_level);
}

TEST(WalChangeSet, MergesIntoTheUnion) {
  WalChangeSet changes;
  changes.add_block(kTable, {3});
  changes.add_block(kTable, {4});
  changes.merge(sample());
  changes.sort();
  EXPECT_EQ(changes.blocks(kTable).size(), 6u);
  EXPECT_EQ(changes.blocks({1664, 0, 1260}).size(), 1u);
  EXPECT_TRUE(changes.is_remade({1663, 9, 1}));
  EXPECT_TRUE(changes.is_remade({20000, 9, 1}));
}

TEST(WalChangeSet, GrowsWithTheBlocksNotWithTheReferences) {
  WalChangeSet changes;
  std::mt19937 random(1);
  std::set<uint32_t> expected;
  for (int i = 0; i < 200000; ++i) {
    auto block = static_cast<uint32_t>(random() % 5000);
    expected.insert(block);
    changes.add_block(kTable, {block});
    ASSERT_LE(changes.block_count(), 2u * 5000 + 1024);
  }
  changes.sort();
  auto blocks = changes.blocks(kTable);
  EXPECT_TRUE(std::ranges::equal(blocks, expected));
}

TEST(WalChangeSet, RefusesWhatIsCutLongerOrOutOfOrder) {
  auto bytes = encoded(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_KIND(WalChangeSet::decode(ByteView(bytes).first(size)), ErrorKind::corrupt);
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_KIND(WalChangeSet::decode(longer), ErrorKind::corrupt);
  auto newer = bytes;
  newer[0] = std::byte{2};
  EXPECT_KIND(WalChangeSet::decode(newer), ErrorKind::unsupported);
  // Two tablespaces, descending.
  Bytes descending;
  ByteWriter writer(descending);
  for (int value : {1, 0, 2, 9, 8, 0, 0, 0}) writer.u8(static_cast<uint8_t>(value));
  EXPECT_KIND(WalChangeSet::decode(descending), ErrorKind::corrupt);
  // One relation whose second block lies beyond the last there is.
  Bytes beyond;
  ByteWriter far(beyond);
  for (int value : {1, 0, 0, 0, 0, 1, 1, 1, 1, 2}) far.u8(static_cast<uint8_t>(value));
  far.varint(UINT32_MAX);
  far.varint(0);
  EXPECT_KIND(WalChangeSet::decode(beyond), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
