// Key material in memory: locked, left out of core dumps, wiped when it goes, impossible to print.
#pragma once

#include <array>

#include "base/bytes.h"

namespace spendsync {

/// A 256-bit key. Move-only. Its page is mlock'ed and MADV_DONTDUMP where the system allows (never an error).
class Secret {
 public:
  static constexpr size_t kSize = 32;

  /// A zeroed secret, to be filled through mutable_view().
  Secret();
  /// Requires: bytes.size() == kSize. The caller wipes its own copy.
  explicit Secret(ByteView bytes);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  std::span<const std::byte, kSize> view() const { return std::span<const std::byte, kSize>(data_, kSize); }
  std::span<std::byte, kSize> mutable_view() { return std::span<std::byte, kSize>(data_, kSize); }
  Secret clone() const;

 private:
  std::byte* data_;
};

/// Overwrites memory in a way the compiler keeps (OPENSSL_cleanse).
void wipe(MutableBytes bytes);

}  // namespace spendsync
