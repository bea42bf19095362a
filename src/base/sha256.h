// SHA-256 and HMAC-SHA-256 (OpenSSL EVP).
#pragma once

#include <array>

#include "base/bytes.h"

namespace spendsync {

using Sha256Digest = std::array<std::byte, 32>;

Sha256Digest sha256(ByteView bytes);

/// Incremental SHA-256. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(ByteView bytes);
  Sha256Digest finish();

 private:
  void* context_;
};

/// HMAC-SHA-256.
Sha256Digest hmac_sha256(std::span<const std::byte> key, ByteView bytes);

}  // namespace spendsync
