#include "postgres/page.h"

#include <array>
#include <cstring>

// One version for AVX2 and one for every x86-64, chosen at load time. Sanitizers run before their own start-up is
// done when a resolver is instrumented, so they get the plain version.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SSB_FOR_EACH_CPU __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define SSB_FOR_EACH_CPU
#endif

namespace spendsync::postgres {
namespace {

// PageHeaderData (storage/bufpage.h).
constexpr size_t kLsnHigh = 0;
constexpr size_t kLsnLow = 4;
constexpr size_t kChecksum = 8;
constexpr size_t kUpper = 14;
constexpr size_t kHeaderSize = 24;

template <class T>
T load(ByteView page, size_t offset) {
  CHECK(page.size() >= kHeaderSize);
  T value;
  std::memcpy(&value, page.data() + offset, sizeof value);
  return value;
}

// The algorithm (storage/checksum_impl.h): 32 FNV-1a sums side by side, each over every 32nd 32-bit word, with the
// bits that the multiplication pushes out folded back in; two rounds of zeros; xor of all.
constexpr uint32_t kPrime = 16777619;
constexpr size_t kLanes = 32;
constexpr size_t kRowSize = kLanes * sizeof(uint32_t);
using Vector = uint32_t __attribute__((vector_size(32)));
static_assert(kRowSize == 4 * sizeof(Vector));

alignas(32) constexpr std::array<uint32_t, kLanes> kStartValues{
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

// Macros and no loops over an array: the sums stay in registers at every optimisation level.
#define SSB_MIX(sum, input)             \
  do {                                  \
    sum ^= (input);                     \
    sum = (sum * kPrime) ^ (sum >> 17); \
  } while (false)
#define SSB_LOAD(vector, from) std::memcpy(&(vector), from, sizeof(Vector))

/// The xor of the 32 sums over `first` (the row with the checksum field, zeroed) and the `rows` rows at `rest`.
SSB_FOR_EACH_CPU uint32_t hash_rows(const std::byte* first, const std::byte* rest, size_t rows) {
  Vector a, b, c, d;
  SSB_LOAD(a, &kStartValues[0]);
  SSB_LOAD(b, &kStartValues[8]);
  SSB_LOAD(c, &kStartValues[16]);
  SSB_LOAD(d, &kStartValues[24]);
  const std::byte* row = first;
  const std::byte* end = rest + rows * kRowSize;
  while (true) {
    Vector in_a, in_b, in_c, in_d;
    SSB_LOAD(in_a, row);
    SSB_LOAD(in_b, row + sizeof(Vector));
    SSB_LOAD(in_c, row + 2 * sizeof(Vector));
    SSB_LOAD(in_d, row + 3 * sizeof(Vector));
    SSB_MIX(a, in_a);
    SSB_MIX(b, in_b);
    SSB_MIX(c, in_c);
    SSB_MIX(d, in_d);
    row = row == first ? rest : row + kRowSize;
    if (row == end) break;
  }
  const Vector zero{};
  for (int round = 0; round < 2; ++round) {
    SSB_MIX(a, zero);
    SSB_MIX(b, zero);
    SSB_MIX(c, zero);
    SSB_MIX(d, zero);
  }
  Vector folded = (a ^ b) ^ (c ^ d);
  uint32_t result = 0;
  for (size_t i = 0; i < sizeof(Vector) / sizeof(uint32_t); ++i) result ^= folded[i];
  return result;
}
#undef SSB_LOAD
#undef SSB_MIX

}  // namespace

Lsn page_lsn(ByteView page) {
  return {(static_cast<uint64_t>(load<uint32_t>(page, kLsnHigh)) << 32) | load<uint32_t>(page, kLsnLow)};
}

bool page_is_new(ByteView page) { return load<uint16_t>(page, kUpper) == 0; }

uint16_t stored_page_checksum(ByteView page) { return load<uint16_t>(page, kChecksum); }

uint16_t page_checksum(ByteView page, BlockNumber block) {
  CHECK(page.size() >= kRowSize && page.size() % kRowSize == 0);
  std::array<std::byte, kRowSize> first;
  std::memcpy(first.data(), page.data(), kRowSize);
  first[kChecksum] = std::byte{0};
  first[kChecksum + 1] = std::byte{0};
  uint32_t hash = hash_rows(first.data(), page.data() + kRowSize, page.size() / kRowSize - 1) ^ block.value;
  return static_cast<uint16_t>(hash % 65535 + 1);  // never 0
}

bool page_is_good(ByteView page, BlockNumber block, Lsn backup_start) {
  if (page_is_new(page) || page_lsn(page) >= backup_start) return true;
  return page_checksum(page, block) == stored_page_checksum(page);
}

}  // namespace spendsync::postgres
