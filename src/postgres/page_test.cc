#include "postgres/page.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/testing.h"

namespace spendsync::postgres {
namespace {

Bytes patterned_page(size_t size = 8192) {
  Bytes page(size);
  for (size_t i = 0; i < size; ++i) page[i] = static_cast<std::byte>((i * 7 + 3) % 251);
  return page;
}

void put_checksum(Bytes& page, uint16_t checksum) { std::memcpy(page.data() + 8, &checksum, sizeof checksum); }
void put_lsn(Bytes& page, Lsn lsn) {
  uint32_t high = static_cast<uint32_t>(lsn.value >> 32);
  uint32_t low = static_cast<uint32_t>(lsn.value);
  std::memcpy(page.data(), &high, sizeof high);
  std::memcpy(page.data() + 4, &low, sizeof low);
}

// From pageinspect's page_checksum() of PostgreSQL 15 over the same bytes.
TEST(PageChecksum, IsPostgresqlsOwn) {
  auto page = patterned_page();
  EXPECT_EQ(page_checksum(page, {0}), 19518);
  EXPECT_EQ(page_checksum(page, {1}), 19519);
  EXPECT_EQ(page_checksum(page, {131072}), 19520);
  EXPECT_EQ(page_checksum(page, {2147483647}), 13252);
  Bytes sparse(8192);
  sparse[14] = std::byte{1};
  EXPECT_EQ(page_checksum(sparse, {0}), 21607);
  EXPECT_EQ(page_checksum(sparse, {1}), 21606);
}

TEST(PageChecksum, LeavesThePageAloneAndIgnoresItsChecksumField) {
  auto page = patterned_page();
  auto expected = page_checksum(page, {7});
  put_checksum(page, 0xABCD);
  auto before = page;
  EXPECT_EQ(page_checksum(page, {7}), expected);
  EXPECT_EQ(page, before);
  EXPECT_EQ(stored_page_checksum(page), 0xABCD);
}

TEST(PageChecksum, DependsOnEveryByteAtEveryPageSize) {
  for (size_t size : {1024u, 2048u, 4096u, 8192u, 16384u, 32768u}) {
    auto page = patterned_page(size);
    auto expected = page_checksum(page, {3});
    for (size_t i = 0; i < size; i += i < 64 ? 1 : 61) {
      if (i == 8 || i == 9) continue;
      auto changed = page;
      changed[i] ^= std::byte{0x40};
      EXPECT_NE(page_checksum(changed, {3}), expected) << "size " << size << " byte " << i;
    }
    EXPECT_NE(page_checksum(page, {4}), expected);
  }
}

TEST(PageChecksum, WorksOnUnalignedMemory) {
  auto page = patterned_page();
  Bytes shifted(8193);
  std::memcpy(shifted.data() + 1, page.data(), page.size());
  EXPECT_EQ(page_checksum(ByteView(shifted).subspan(1), {0}), 19518);
}

TEST(Page, ReadsItsLsnHighWordFirst) {
  auto page = patterned_page();
  put_lsn(page, {0x16B374D848});
  EXPECT_EQ(page_lsn(page).to_string(), "16/B374D848");
}

TEST(PageIsGood, OnlyJudgesPagesThatReplayWillNotRewrite) {
  auto page = patterned_page();
  put_lsn(page, {1000});
  put_checksum(page, page_checksum(page, {5}));
  EXPECT_TRUE(page_is_good(page, {5}, {2000}));
  EXPECT_FALSE(page_is_good(page, {6}, {2000})) << "a page at another block's place";
  page[4000] ^= std::byte{1};
  EXPECT_FALSE(page_is_good(page, {5}, {2000}));
  EXPECT_FALSE(page_is_good(page, {5}, {1001}));
  EXPECT_TRUE(page_is_good(page, {5}, {1000})) << "changed at or after the backup's start";
}

TEST(PageIsGood, AcceptsNewPages) {
  Bytes page(8192);
  EXPECT_TRUE(page_is_new(page));
  EXPECT_TRUE(page_is_good(page, {0}, {2000}));
  page[15] = std::byte{0x20};
  EXPECT_FALSE(page_is_new(page));
  EXPECT_FALSE(page_is_good(page, {0}, {2000}));
}

}  // namespace
}  // namespace spendsync::postgres
