// Bytes that a known-answer test can name: 0x80, 0x81, ...
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

namespace spendsync::crypto {

inline Bytes counting(uint8_t from, size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(from + i);
  return bytes;
}

class CountingRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(0x40 + i);
  }
};

}  // namespace spendsync::crypto
