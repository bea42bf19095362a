#include "crypto/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <string>

namespace spendsync::crypto {
namespace {

constexpr size_t kHkdfMax = 255 * 32;  // RFC 5869 section 2.3

unsigned char* uchars(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

OSSL_PARAM octets(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
}

}  // namespace

void hkdf_sha256(std::span<const std::byte> input_key, ByteView salt, std::string_view info, MutableBytes out) {
  CHECK(out.size() <= kHkdfMax);
  if (out.empty()) return;
  EVP_KDF* algorithm = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  CHECK(algorithm != nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(algorithm);
  CHECK(context != nullptr);
  EVP_KDF_free(algorithm);
  char digest_name[] = "SHA256";
  // Empty ones are left out: OpenSSL refuses an octet string without data, where the RFC means zeros and nothing.
  std::array<OSSL_PARAM, 5> parameters;
  size_t count = 0;
  parameters[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0);
  parameters[count++] = octets(OSSL_KDF_PARAM_KEY, input_key);
  if (!salt.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_SALT, salt);
  if (!info.empty()) parameters[count++] = octets(OSSL_KDF_PARAM_INFO, as_bytes(info));
  parameters[count] = OSSL_PARAM_construct_end();
  CHECK(EVP_KDF_derive(context, uchars(out.data()), out.size(), parameters.data()) == 1);
  EVP_KDF_CTX_free(context);
}

bool equal_digests(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Secret derive_key(const Secret& meta_key, std::string_view purpose) {
  Secret derived;
  hkdf_sha256(meta_key.view(), {}, "spendsync-backup/1/derive/" + std::string(purpose), derived.mutable_view());
  return derived;
}

}  // namespace spendsync::crypto
