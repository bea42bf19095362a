// Derived keys (OpenSSL EVP); the hashes are those of base/sha256.h.
#pragma once

#include "base/secret.h"
#include "base/sha256.h"

namespace spendsync::crypto {

using spendsync::hmac_sha256;
using spendsync::Sha256;
using spendsync::sha256;
using spendsync::Sha256Digest;

/// HKDF-SHA-256 (RFC 5869), up to 8160 bytes.
void hkdf_sha256(std::span<const std::byte> input_key, ByteView salt, std::string_view info, MutableBytes out);
/// Constant time.
bool equal_digests(ByteView a, ByteView b);

/// A key for HMACs or page hashes, derived from a meta key for one purpose ("content mac", "page hash").
Secret derive_key(const Secret& meta_key, std::string_view purpose);

}  // namespace spendsync::crypto
