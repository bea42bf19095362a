// Data pages with right checksums, for tests.
#pragma once

#include <cstring>

#include "base/bytes.h"
#include "postgres/page.h"

namespace spendsync::backup {

inline constexpr size_t kTestPageSize = 8192;

struct TestRelation {
  uint32_t pages = 1;
  Lsn lsn{0x100};
  uint32_t first_block = 0;
  uint8_t seed = 1;
};

/// Pages that differ from one another; half of each compresses well.
inline Bytes test_relation(const TestRelation& relation) {
  Bytes bytes(relation.pages * kTestPageSize);
  uint64_t state = relation.seed;
  for (uint32_t page = 0; page < relation.pages; ++page) {
    MutableBytes content(bytes.data() + page * kTestPageSize, kTestPageSize);
    for (size_t i = 24; i < kTestPageSize; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      content[i] = i < kTestPageSize / 2 ? std::byte{relation.seed} : static_cast<std::byte>(state >> 56);
    }
    auto high = static_cast<uint32_t>(relation.lsn.value >> 32);
    auto low = static_cast<uint32_t>(relation.lsn.value);
    uint16_t upper = 4096;
    std::memcpy(content.data(), &high, sizeof high);
    std::memcpy(content.data() + 4, &low, sizeof low);
    std::memcpy(content.data() + 14, &upper, sizeof upper);
    auto checksum = postgres::page_checksum(content, BlockNumber{relation.first_block + page});
    std::memcpy(content.data() + 8, &checksum, sizeof checksum);
  }
  return bytes;
}

}  // namespace spendsync::backup
