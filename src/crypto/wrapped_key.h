// The object keys/<key id>/<wrap id>: one data key wrapped by one key wrapper (docs/format/keys.md).
#pragma once

#include "crypto/data_key.h"
#include "crypto/digest.h"

namespace spendsync::crypto {

/// No wrap object is larger, in bytes: what a reader passes to ObjectStore::get.
inline constexpr size_t kWrappedKeyMax = 16u << 10;

/// The object's bytes. Requires: text fields and wrapped bytes within the limits of docs/format/keys.md.
Bytes encode(const WrappedKey& wrapped);

/// Errors: corrupt when any bit was changed or cut (the object ends with a checksum); unsupported for a newer version.
/// The checksum holds off damage, not forgers: only KeyWrapper::unwrap authenticates.
Result<WrappedKey> decode(ByteView bytes);

/// SHA-256 of the clear part (all but the wrapped bytes): wrappers bind what they seal to it, so that no field can
/// be changed without unwrap noticing.
Sha256Digest clear_part_digest(const WrappedKey& wrapped);

/// Errors: corrupt when the wrap belongs to another repository, cluster, key or class than where it was found.
/// Callers compare before they trust a wrap that unwrap has opened.
Result<void> expect_context(const WrappedKey& wrapped, const KeyContext& expected);

/// The last component of a wrap's object key: 16 random lower-case hexadecimal digits.
std::string random_wrap_id(RandomSource& random);

}  // namespace spendsync::crypto
