// Data keys and how they are wrapped.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/secret.h"

namespace spendsync::crypto {

/// What a data key may open. A writer role decrypts `meta` only (docs/format/keys.md).
enum class KeyClass : uint8_t { data = 1, meta = 2 };
std::string_view to_string(KeyClass key_class);  // "data", "meta"

/// 128 random bits; 32 hexadecimal digits in names.
struct KeyId {
  std::array<std::byte, 16> bytes{};
  auto operator<=>(const KeyId&) const = default;
  std::string to_string() const;
  static Result<KeyId> parse(std::string_view hex);
  static KeyId random(RandomSource& random);
};

/// An unwrapped 256-bit key. Immutable, shared by everything that seals or opens with it.
struct DataKey {
  KeyId id;
  KeyClass key_class = KeyClass::data;
  Secret secret;
};
using DataKeyPtr = std::shared_ptr<const DataKey>;

/// What a wrap is bound to; becomes the KMS encryption context. Holds no secret.
struct KeyContext {
  std::string repository_id;  // hexadecimal
  std::string cluster;        // "<cluster>/<system identifier>"
  KeyId key_id;
  KeyClass key_class = KeyClass::data;
};

/// One data key sealed by one key wrapper: the content of keys/<key id>/<wrap id> (docs/format/keys.md).
struct WrappedKey {
  std::string wrapper_type;  // "key-file", "aws-kms", "escrow"
  std::string wrapper_id;    // which key of that type: fingerprint or ARN
  KeyContext context;
  Timestamp created;
  Bytes wrapped;
};

/// Seals and opens data keys. Thread-safe. Implementations: key file, escrow; AWS KMS comes later.
class KeyWrapper {
 public:
  virtual ~KeyWrapper() = default;
  virtual std::string type() const = 0;
  virtual std::string id() const = 0;
  /// False for a key that only seals (escrow).
  virtual bool can_open() const = 0;
  /// True where opening costs nothing and needs no right of its own, so that a process may reuse a recent WAL key.
  virtual bool opens_locally() const = 0;
  /// True for an escrow key, also where its private half was brought for once: nobody writes with it alone.
  virtual bool is_offline() const { return false; }
  virtual Result<WrappedKey> wrap(const Secret& key, const KeyContext& context) = 0;
  /// Errors: denied when this wrapper is not the one that sealed; corrupt when the bytes or the context were changed.
  virtual Result<Secret> unwrap(const WrappedKey& wrapped) = 0;
};

}  // namespace spendsync::crypto
