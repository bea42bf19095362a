// The embedded default: a key-encrypting key in a file of exactly 32 raw bytes.
#pragma once

#include "crypto/data_key.h"

namespace spendsync::crypto {

/// What a key file with this content is called in wraps (docs/format/keys.md, "key-file").
std::string key_file_id(const Secret& key);

/// AES-256-GCM under HKDF-SHA-256(file, random salt) with the context as associated data (docs/format/keys.md).
class KeyFileWrapper final : public KeyWrapper {
 public:
  /// Errors: not_found; refused unless 32 bytes, mode 0600 or 0400, a regular file owned by the caller or root
  /// (each with the command that mends it).
  static Result<std::unique_ptr<KeyFileWrapper>> open(const std::string& path, RandomSource& random,
                                                      const Clock& clock);

  std::string type() const override { return "key-file"; }
  std::string id() const override;  // 16 hexadecimal digits derived from the key by HKDF; tells nothing about it
  bool can_open() const override { return true; }
  bool opens_locally() const override { return true; }
  Result<WrappedKey> wrap(const Secret& key, const KeyContext& context) override;
  Result<Secret> unwrap(const WrappedKey& wrapped) override;

 private:
  KeyFileWrapper(Secret key, RandomSource& random, const Clock& clock)
      : key_(std::move(key)), random_(random), clock_(clock) {}
  Secret key_;
  RandomSource& random_;
  const Clock& clock_;
};

}  // namespace spendsync::crypto
