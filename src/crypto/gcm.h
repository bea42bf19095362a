// AES-256-GCM, the one cipher of the repository (OpenSSL EVP). Others seal streams.
// Inside this folder only.
#pragma once

#include <array>

#include "base/bytes.h"

namespace spendsync::crypto {

inline constexpr size_t kGcmKeySize = 32;
inline constexpr size_t kGcmNonceSize = 12;
inline constexpr size_t kGcmTagSize = 16;

using GcmNonce = std::array<std::byte, kGcmNonceSize>;
using GcmTag = std::array<std::byte, kGcmTagSize>;

/// One key, expanded once, for many messages in one direction. Works in place, so that a message needs no buffer of
/// its own. One thread at a time. The caller never seals twice under one nonce (NIST SP 800-38D section 8).
class Gcm {
 public:
  enum class Direction { seal, open };
  Gcm(Direction direction, std::span<const std::byte, kGcmKeySize> key);
  Gcm(Gcm&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
  Gcm& operator=(Gcm&&) = delete;
  ~Gcm();

  /// Replaces `text` by its ciphertext and returns the tag. `text` is under 2 GiB.
  GcmTag seal(const GcmNonce& nonce, ByteView associated_data, MutableBytes text);
  /// Replaces `text` by its plaintext. False when the tag does not match: `text` then holds nothing that was sealed
  /// and has been wiped.
  [[nodiscard]] bool open(const GcmNonce& nonce, ByteView associated_data, MutableBytes text,
                          std::span<const std::byte, kGcmTagSize> tag);

 private:
  void* context_;
};

}  // namespace spendsync::crypto
