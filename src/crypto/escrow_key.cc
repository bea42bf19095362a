#include "crypto/escrow_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <optional>

#include "base/condition.h"
#include "crypto/escrow_seal.h"

namespace spendsync::crypto {
namespace {

constexpr size_t kPemMax = 64u << 10;
constexpr int kRsaBitsMin = 3072;
constexpr int kRsaBitsMax = 16384;  // a wrap holds at most 8192 bytes
constexpr size_t kIdSize = 16;
constexpr const char* kMakeHint =
    "make a pair on another machine: openssl genpkey -algorithm X25519 -aes256 -out escrow-private.pem; "
    "openssl pkey -in escrow-private.pem -pubout -out escrow.pem; only escrow.pem comes to this host";

Error refused(const std::string& path, const std::string& what, const std::string& hint) {
  return Error(ErrorKind::refused, "escrow key " + path + " " + what)
      .with_condition(Condition::escrow_key_unusable)
      .with_hint(hint);
}

struct PemBlock {
  std::string name;
  std::string header;
  WipedBytes der;
};

/// The only block of the file: a second one would be ignored, and a person may have meant that one.
Result<PemBlock> only_block(ByteView text, const std::string& path) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
  std::optional<PemBlock> found;
  while (bio) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) break;
    auto bytes = ByteView(reinterpret_cast<std::byte*>(data), static_cast<size_t>(size));
    PemBlock block{name, header, WipedBytes(Bytes(bytes.begin(), bytes.end()))};
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(size));
    if (found) return refused(path, "holds more than one PEM block", "leave only the key in it");
    found = std::move(block);
  }
  ERR_clear_error();
  if (!found) return refused(path, "is no PEM file: it has no block that begins with -----BEGIN", kMakeHint);
  return *std::move(found);
}

const unsigned char* der_of(const PemBlock& block) {
  return reinterpret_cast<const unsigned char*>(block.der.view().data());
}

Result<void> expect_public(const PemBlock& block, const std::string& path) {
  if (block.name == "PUBLIC KEY") return ok();
  const std::string file = quoted_path(path);
  if (block.name.ends_with("PRIVATE KEY")) {
    return refused(path, "holds a private key, which must stay offline; a public one is needed here",
                   "openssl pkey -in " + file + " -pubout -out escrow.pem, then take the private key off this host");
  }
  if (block.name == "CERTIFICATE") {
    return refused(path, "holds a certificate; the public key alone is needed",
                   "openssl x509 -in " + file + " -pubkey -noout > escrow.pem");
  }
  if (block.name == "RSA PUBLIC KEY") {
    return refused(path, "holds a public key in PKCS#1 form; SubjectPublicKeyInfo is needed",
                   "openssl rsa -RSAPublicKey_in -in " + file + " -pubout -out escrow.pem");
  }
  return refused(path, "holds a PEM block \"" + block.name + "\", not a PUBLIC KEY", kMakeHint);
}

Result<void> expect_private(const PemBlock& block, const std::string& path) {
  if (block.name == "PRIVATE KEY" || block.name == "ENCRYPTED PRIVATE KEY") return ok();
  if (block.name.ends_with("PRIVATE KEY")) {
    return refused(path, "holds a private key in another form than PKCS#8",
                   "openssl pkcs8 -topk8 -in " + quoted_path(path) + " -out escrow-private.pem");
  }
  if (block.name.ends_with("PUBLIC KEY")) {
    return refused(path, "holds the public key, which seals; the private one opens",
                   "give the private key's file: the one that was made beside it and kept offline");
  }
  return refused(path, "holds a PEM block \"" + block.name + "\", not a PRIVATE KEY", "give the private key's file");
}

EVP_PKEY* parse_public(const PemBlock& block) {
  const auto* at = der_of(block);
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, static_cast<long>(block.der.size()));
  if (key != nullptr && at == der_of(block) + block.der.size()) return key;
  EVP_PKEY_free(key);
  return nullptr;
}

EVP_PKEY* parse_private(const PemBlock& block) {
  const auto* at = der_of(block);
  auto* info = d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(block.der.size()));
  EVP_PKEY* key = info == nullptr ? nullptr : EVP_PKCS82PKEY(info);
  PKCS8_PRIV_KEY_INFO_free(info);
  return key;
}

/// Null when the passphrase does not fit.
EVP_PKEY* parse_encrypted(const PemBlock& block, ByteView passphrase) {
  const auto* at = der_of(block);
  X509_SIG* encrypted = d2i_X509_SIG(nullptr, &at, static_cast<long>(block.der.size()));
  if (encrypted == nullptr) return nullptr;
  auto* info =
      PKCS8_decrypt(encrypted, reinterpret_cast<const char*>(passphrase.data()), static_cast<int>(passphrase.size()));
  X509_SIG_free(encrypted);
  EVP_PKEY* key = info == nullptr ? nullptr : EVP_PKCS82PKEY(info);
  PKCS8_PRIV_KEY_INFO_free(info);
  return key;
}

std::string id_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  int size = i2d_PUBKEY(key, &der);
  CHECK(size > 0);
  auto digest = sha256(ByteView(reinterpret_cast<std::byte*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  return to_hex(ByteView(digest).first(kIdSize));
}

/// A point of low order agrees on zeros with everybody, whatever the other side's key is.
bool is_low_order(EVP_PKEY* key) {
  Secret probe;
  SystemRandom random;
  Bytes sealed;
  return !seal_x25519(key, probe, {}, random, sealed);
}

}  // namespace

void EscrowKey::Deleter::operator()(void* key) const { EVP_PKEY_free(static_cast<EVP_PKEY*>(key)); }

Result<EscrowKey> EscrowKey::read_public(const std::string& path) {
  auto text = read_file(path, kPemMax);
  if (!text && text.error().os_error() == ENOENT) {
    return Error(ErrorKind::not_found, "escrow key " + path + " does not exist").with_hint(kMakeHint);
  }
  auto content = TRY_CONTEXT(std::move(text), "reading the escrow key");
  auto block = TRY(only_block(content, path));
  TRY(expect_public(block, path));
  Handle key(parse_public(block));
  ERR_clear_error();
  if (!key) return refused(path, "is damaged: no public key can be read from it", kMakeHint);
  return examine(std::move(key), false, path);
}

Result<EscrowKey> EscrowKey::read_private(const std::string& path, const PassphraseSource& passphrase) {
  const SecretFileWords words{"escrow key", "give the private key's file, as it was kept offline",
                              "give the private key's file, as it was kept offline"};
  auto text = TRY(read_secret_file(path, words, kPemMax));
  auto block = TRY(only_block(text.view(), path));
  TRY(expect_private(block, path));
  Handle key;
  if (block.name == "PRIVATE KEY") {
    key = Handle(parse_private(block));
  } else {
    auto words_typed = TRY(passphrase(path));
    key = Handle(parse_encrypted(block, words_typed.view()));
    ERR_clear_error();
    if (!key) {
      return Error(ErrorKind::denied, "the passphrase does not open escrow key " + path)
          .with_condition(Condition::wrong_passphrase)
          .with_hint("try it with: openssl pkey -in " + quoted_path(path) + " -noout");
    }
  }
  ERR_clear_error();
  if (!key) return refused(path, "is damaged: no private key can be read from it", "take another copy of it");
  return examine(std::move(key), true, path);
}

Result<EscrowKey> EscrowKey::examine(Handle handle, bool has_private, const std::string& path) {
  auto* raw = static_cast<EVP_PKEY*>(handle.get());
  EscrowKey key(std::move(handle), has_private);
  const char* name = EVP_PKEY_get0_type_name(raw);
  if (EVP_PKEY_get_base_id(raw) == EVP_PKEY_RSA) {
    int bits = EVP_PKEY_get_bits(raw);
    if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
      return refused(path, "is an RSA key of " + std::to_string(bits) + " bits; 3072 to 16384 are taken", kMakeHint);
    }
    key.algorithm_ = "RSA " + std::to_string(bits);
  } else if (EVP_PKEY_get_base_id(raw) == EVP_PKEY_X25519) {
    if (is_low_order(raw))
      return refused(path, "is no usable X25519 key: everybody could open what it seals", kMakeHint);
    key.algorithm_ = "X25519";
  } else {
    return refused(path,
                   std::string("is a key of type ") + (name == nullptr ? "unknown" : name) +
                       "; RSA of at least 3072 bits and X25519 are taken",
                   kMakeHint);
  }
  key.id_ = id_of(raw);
  return key;
}

Result<Bytes> EscrowKey::seal(const Secret& key, const Sha256Digest& label, RandomSource& random) const {
  Bytes sealed;
  bool done = algorithm_ == "X25519" ? seal_x25519(key_.get(), key, label, random, sealed)
                                     : seal_rsa(key_.get(), key, label, sealed);
  ERR_clear_error();
  if (!done) return Error(ErrorKind::internal, "escrow key " + id_ + " cannot seal");
  return sealed;
}

Result<Secret> EscrowKey::open(ByteView sealed, const Sha256Digest& label) const {
  CHECK(has_private_);
  Secret secret;
  bool done = algorithm_ == "X25519" ? open_x25519(key_.get(), sealed, label, secret)
                                     : open_rsa(key_.get(), sealed, label, secret);
  if (!done) return Error(ErrorKind::corrupt, "what escrow key " + id_ + " should open was changed after it was made");
  return secret;
}

}  // namespace spendsync::crypto
