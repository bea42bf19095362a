#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace spendsync {

namespace {

// Polynomials over GF(2) modulo the Castagnoli polynomial, bit-reflected as CRC registers are: bit 31 is x^0.
constexpr uint32_t kReflectedPolynomial = 0x82f63b78;
constexpr uint32_t kOne = 0x80000000;                // x^0
constexpr uint32_t kXToTheEighth = 0x80000000 >> 8;  // x^8: what one zero byte multiplies the register by

uint32_t multiply(uint32_t left, uint32_t right) {
  uint32_t product = 0;
  for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
    if ((left & bit) != 0) product ^= right;
    right = (right >> 1) ^ ((right & 1) != 0 ? kReflectedPolynomial : 0);
  }
  return product;
}

uint32_t shift_over_zero_bytes(uint64_t length) {
  uint32_t factor = kOne;
  for (uint32_t square = kXToTheEighth; length != 0; length >>= 1) {
    if ((length & 1) != 0) factor = multiply(factor, square);
    square = multiply(square, square);
  }
  return factor;
}

}  // namespace

uint32_t crc32c(uint32_t crc, ByteView bytes) {
  constexpr size_t kMostAtOnce = size_t{1} << 30;  // isa-l takes an int
  uint32_t state = ~crc;
  while (!bytes.empty()) {
    ByteView chunk = bytes.first(std::min(bytes.size(), kMostAtOnce));
    // isa-l only reads; its prototype lacks the const.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(chunk.data()));
    state = crc32_iscsi(data, static_cast<int>(chunk.size()), state);
    bytes = bytes.subspan(chunk.size());
  }
  return ~state;
}

uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
  // The register is linear in its input, and the inversions before and after cancel: crc(AB) = crc(A) x^(8|B|) +
  // crc(B).
  return multiply(crc_a, shift_over_zero_bytes(length_b)) ^ crc_b;
}

}  // namespace spendsync
