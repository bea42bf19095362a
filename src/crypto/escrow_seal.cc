#include "crypto/escrow_seal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>

#include "crypto/gcm.h"
#include "crypto/secret_file.h"

namespace spendsync::crypto {
namespace {

constexpr size_t kPointSize = 32;
constexpr std::string_view kX25519Info = "spendsync-backup/1/escrow/x25519";
constexpr GcmNonce kNonce{};  // each key comes from an ephemeral key of its own and seals once

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

unsigned char* uchars(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* uchars(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }

Context context_of(void* key) {
  return {EVP_PKEY_CTX_new_from_pkey(nullptr, static_cast<EVP_PKEY*>(key), nullptr), &EVP_PKEY_CTX_free};
}

bool use_oaep(EVP_PKEY_CTX* context, const Sha256Digest& label) {
  if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1) return false;
  if (EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) != 1) return false;
  if (EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) != 1) return false;
  void* owned = OPENSSL_memdup(label.data(), label.size());
  if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, owned, static_cast<int>(label.size())) == 1) return true;
  OPENSSL_free(owned);
  return false;
}

using Point = std::array<std::byte, kPointSize>;

bool raw_public(void* key, Point& out) {
  size_t size = out.size();
  return EVP_PKEY_get_raw_public_key(static_cast<EVP_PKEY*>(key), uchars(out.data()), &size) == 1 && size == out.size();
}

/// False for a point of low order (RFC 7748 section 6.1): OpenSSL refuses the shared secret of zeros.
bool agree(void* own_private, void* their_public, Secret& out) {
  auto context = context_of(own_private);
  size_t size = Secret::kSize;
  bool agreed = context && EVP_PKEY_derive_init(context.get()) == 1 &&
                EVP_PKEY_derive_set_peer(context.get(), static_cast<EVP_PKEY*>(their_public)) == 1 &&
                EVP_PKEY_derive(context.get(), uchars(out.mutable_view().data()), &size) == 1 && size == Secret::kSize;
  ERR_clear_error();
  return agreed;
}

struct Ends {
  Point ephemeral;
  Point recipient;
};

Secret sealing_key(const Secret& shared, const Ends& ends) {
  Bytes salt;
  ByteWriter writer(salt);
  writer.raw(ends.ephemeral);
  writer.raw(ends.recipient);
  Secret key;
  hkdf_sha256(shared.view(), salt, kX25519Info, key.mutable_view());
  return key;
}

}  // namespace

bool seal_rsa(void* public_key, const Secret& secret, const Sha256Digest& label, Bytes& out) {
  auto context = context_of(public_key);
  size_t size = 0;
  bool ready = context && EVP_PKEY_encrypt_init(context.get()) == 1 && use_oaep(context.get(), label) &&
               EVP_PKEY_encrypt(context.get(), nullptr, &size, uchars(secret.view().data()), Secret::kSize) == 1;
  if (!ready) return false;
  out.assign(1 + size, std::byte{0});
  out.front() = kRsaSeal;
  if (EVP_PKEY_encrypt(context.get(), uchars(out.data() + 1), &size, uchars(secret.view().data()), Secret::kSize) !=
      1) {
    return false;
  }
  out.resize(1 + size);
  return true;
}

bool open_rsa(void* private_key, ByteView sealed, const Sha256Digest& label, Secret& out) {
  if (sealed.empty() || sealed.front() != kRsaSeal) return false;
  auto ciphertext = sealed.subspan(1);
  if (ciphertext.size() != static_cast<size_t>(EVP_PKEY_get_size(static_cast<EVP_PKEY*>(private_key)))) return false;
  auto context = context_of(private_key);
  WipedBytes plain(Bytes(ciphertext.size()));
  size_t size = plain.size();
  bool opened = context && EVP_PKEY_decrypt_init(context.get()) == 1 && use_oaep(context.get(), label) &&
                EVP_PKEY_decrypt(context.get(), uchars(plain.mutable_view().data()), &size, uchars(ciphertext.data()),
                                 ciphertext.size()) == 1;
  ERR_clear_error();
  if (!opened || size != Secret::kSize) return false;
  out = Secret(plain.view().first(Secret::kSize));
  return true;
}

bool seal_x25519(void* public_key, const Secret& secret, const Sha256Digest& label, RandomSource& random, Bytes& out) {
  Secret scalar;
  random.fill(scalar.mutable_view());
  Key ephemeral(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, uchars(scalar.view().data()), Secret::kSize),
                &EVP_PKEY_free);
  Ends ends;
  Secret shared;
  if (!ephemeral || !raw_public(ephemeral.get(), ends.ephemeral) || !raw_public(public_key, ends.recipient))
    return false;
  if (!agree(ephemeral.get(), public_key, shared)) return false;
  auto key = sealing_key(shared, ends);
  auto text = secret.clone();
  auto tag = Gcm(Gcm::Direction::seal, key.view()).seal(kNonce, label, text.mutable_view());
  out.clear();
  ByteWriter writer(out);
  writer.u8(static_cast<uint8_t>(kX25519Seal));
  writer.raw(ends.ephemeral);
  writer.raw(text.view());
  writer.raw(tag);
  return true;
}

bool open_x25519(void* private_key, ByteView sealed, const Sha256Digest& label, Secret& out) {
  if (sealed.size() != 1 + kPointSize + Secret::kSize + kGcmTagSize || sealed.front() != kX25519Seal) return false;
  Ends ends;
  auto point = sealed.subspan(1, kPointSize);
  std::copy(point.begin(), point.end(), ends.ephemeral.begin());
  Key ephemeral(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, uchars(point.data()), point.size()),
                &EVP_PKEY_free);
  Secret shared;
  if (!ephemeral || !raw_public(private_key, ends.recipient) || !agree(private_key, ephemeral.get(), shared))
    return false;
  auto key = sealing_key(shared, ends);
  Secret opened(sealed.subspan(1 + kPointSize, Secret::kSize));
  Gcm gcm(Gcm::Direction::open, key.view());
  if (!gcm.open(kNonce, label, opened.mutable_view(), sealed.last<kGcmTagSize>())) return false;
  out = std::move(opened);
  return true;
}

}  // namespace spendsync::crypto
