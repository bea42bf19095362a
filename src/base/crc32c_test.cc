#include "base/crc32c.h"

#include "base/clock.h"
#include "base/testing.h"

namespace spendsync {
namespace {

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c(0, {}), 0u);
  EXPECT_EQ(crc32c(0, as_bytes("123456789")), 0xe3069283u);  // the check value of CRC-32C
  EXPECT_EQ(crc32c(0, Bytes(32)), 0x8a9136aau);              // RFC 3720, B.4
  EXPECT_EQ(crc32c(0, Bytes(32, std::byte{0xff})), 0x62a8ab43u);
}

TEST(Crc32c, ContinuesOverPieces) {
  std::string_view text = "123456789";
  for (size_t split = 0; split <= text.size(); split++) {
    EXPECT_EQ(crc32c(crc32c(0, as_bytes(text.substr(0, split))), as_bytes(text.substr(split))), 0xe3069283u);
  }
}

TEST(Crc32c, CombiningIsTheSameAsOnePass) {
  Bytes data(300'001);
  SeededRandom(7).fill(data);
  uint32_t straight = crc32c(0, data);
  for (size_t split : {size_t{0}, size_t{1}, size_t{2}, size_t{255}, size_t{65'536}, size_t{299'999}, data.size()}) {
    ByteView whole(data);
    uint32_t left = crc32c(0, whole.first(split));
    uint32_t right = crc32c(0, whole.subspan(split));
    EXPECT_EQ(crc32c_combine(left, right, data.size() - split), straight) << split;
  }
}

TEST(Crc32c, CombinesManyPiecesInAnyGrouping) {
  Bytes data(10'000);
  SeededRandom(8).fill(data);
  ByteView whole(data);
  uint32_t combined = 0;
  uint64_t covered = 0;
  for (size_t size = 1; covered < data.size(); size = size * 3 + 1) {
    size_t take = std::min(size, data.size() - static_cast<size_t>(covered));
    combined = crc32c_combine(combined, crc32c(0, whole.subspan(static_cast<size_t>(covered), take)), take);
    covered += take;
  }
  EXPECT_EQ(combined, crc32c(0, data));
}

TEST(Crc32c, CombinesLengthsBeyond32Bits) {
  // Appending 2^33 zero bytes in one step equals appending 2^32 twice.
  constexpr uint64_t kHalf = uint64_t{1} << 32;
  uint32_t start = crc32c(0, as_bytes("start"));
  uint32_t tail = crc32c(0, as_bytes("tail"));
  uint32_t at_once = crc32c_combine(start, tail, 2 * kHalf);
  EXPECT_EQ(crc32c_combine(crc32c_combine(start, 0, kHalf), tail, kHalf), at_once);
}

}  // namespace
}  // namespace spendsync
