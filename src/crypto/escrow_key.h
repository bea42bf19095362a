// A key pair whose private half stays offline: RSA of at least 3072 bits, or X25519 (docs/format/keys.md, "escrow").
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/secret_file.h"

namespace spendsync::crypto {

/// Asked once, when a private key is encrypted; `path` is the key's file, for the prompt.
using PassphraseSource = std::function<Result<WipedBytes>(const std::string& path)>;

/// The public half, or both. Immutable, move-only, thread-safe.
class EscrowKey {
 public:
  /// PEM SubjectPublicKeyInfo ("BEGIN PUBLIC KEY"). Errors, each with the command that mends it: not_found; refused
  /// for a private key, a certificate, another algorithm, RSA under 3072 bits, an X25519 key that everybody could open,
  /// or anything else.
  static Result<EscrowKey> read_public(const std::string& path);
  /// PEM PKCS#8 ("BEGIN PRIVATE KEY", "BEGIN ENCRYPTED PRIVATE KEY"). Errors: as read_public; as open_secret_file;
  /// denied for a wrong passphrase; those of `passphrase`.
  static Result<EscrowKey> read_private(const std::string& path, const PassphraseSource& passphrase);

  /// The first 16 bytes of SHA-256 over the public key's DER, hexadecimal: what
  /// `openssl pkey -pubin -in FILE -outform DER | sha256sum | head -c 32` prints.
  const std::string& id() const { return id_; }
  /// "RSA 4096", "X25519"
  const std::string& algorithm() const { return algorithm_; }
  bool has_private() const { return has_private_; }

  /// Seals to the public half, bound to `label`. Errors: internal only.
  Result<Bytes> seal(const Secret& key, const Sha256Digest& label, RandomSource& random) const;
  /// Requires: has_private(). Errors: corrupt when the bytes, the label or the key do not fit.
  Result<Secret> open(ByteView sealed, const Sha256Digest& label) const;

 private:
  struct Deleter {
    void operator()(void* key) const;
  };
  using Handle = std::unique_ptr<void, Deleter>;  // EVP_PKEY
  EscrowKey(Handle key, bool has_private) : key_(std::move(key)), has_private_(has_private) {}
  static Result<EscrowKey> examine(Handle key, bool has_private, const std::string& path);

  Handle key_;
  bool has_private_;
  std::string id_;
  std::string algorithm_;
};

}  // namespace spendsync::crypto
