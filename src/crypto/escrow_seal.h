// How an escrow key seals 32 bytes (docs/format/keys.md, "escrow"). Keys are EVP_PKEY. Inside this folder only.
#pragma once

#include "base/clock.h"
#include "crypto/digest.h"

namespace spendsync::crypto {

inline constexpr std::byte kRsaSeal{1};
inline constexpr std::byte kX25519Seal{2};

/// RSA-OAEP with SHA-256, MGF1 with SHA-256 and `label`. False only when OpenSSL fails.
[[nodiscard]] bool seal_rsa(void* public_key, const Secret& secret, const Sha256Digest& label, Bytes& out);
/// False when it was not sealed so to this key.
[[nodiscard]] bool open_rsa(void* private_key, ByteView sealed, const Sha256Digest& label, Secret& out);

/// Ephemeral X25519, HKDF-SHA-256, AES-256-GCM. False when the public key is of low order: everybody could open it.
[[nodiscard]] bool seal_x25519(void* public_key, const Secret& secret, const Sha256Digest& label, RandomSource& random,
                               Bytes& out);
[[nodiscard]] bool open_x25519(void* private_key, ByteView sealed, const Sha256Digest& label, Secret& out);

}  // namespace spendsync::crypto
