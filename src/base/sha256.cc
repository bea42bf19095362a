#include "base/sha256.h"

#include <openssl/evp.h>

#include "base/result.h"

namespace spendsync {
namespace {

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

unsigned char* uchars(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* uchars(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }

}  // namespace

Sha256Digest sha256(ByteView bytes) {
  Sha256Digest digest;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), uchars(digest.data()), nullptr, EVP_sha256(), nullptr) == 1);
  return digest;
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex2(evp(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(evp(context_)); }

void Sha256::update(ByteView bytes) { CHECK(EVP_DigestUpdate(evp(context_), bytes.data(), bytes.size()) == 1); }

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  CHECK(EVP_DigestFinal_ex(evp(context_), uchars(digest.data()), nullptr) == 1);
  return digest;
}

Sha256Digest hmac_sha256(std::span<const std::byte> key, ByteView bytes) {
  Sha256Digest digest;
  size_t size = 0;
  CHECK(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), uchars(bytes.data()),
                  bytes.size(), uchars(digest.data()), digest.size(), &size) != nullptr);
  CHECK(size == digest.size());
  return digest;
}

}  // namespace spendsync
