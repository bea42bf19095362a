// Hashes and derived keys (OpenSSL EVP).
#pragma once

#include <array>
#include <memory>

#include "base/secret.h"

namespace spendsync::crypto {

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
/// HKDF-SHA-256 (RFC 5869), up to 8160 bytes.
void hkdf_sha256(std::span<const std::byte> input_key, ByteView salt, std::string_view info, MutableBytes out);
/// Constant time.
bool equal_digests(ByteView a, ByteView b);

/// A key for HMACs or page hashes, derived from a meta key for one purpose ("content mac", "page hash").
Secret derive_key(const Secret& meta_key, std::string_view purpose);

}  // namespace spendsync::crypto
