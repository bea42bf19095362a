#include "crypto/gcm.h"

#include <openssl/evp.h>

#include "base/secret.h"

namespace spendsync::crypto {
namespace {

EVP_CIPHER_CTX* evp(void* context) { return static_cast<EVP_CIPHER_CTX*>(context); }

unsigned char* uchars(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* uchars(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }

/// One EVP update in either direction; `out` is null for associated data.
bool update(EVP_CIPHER_CTX* context, std::byte* out, ByteView in) {
  if (in.empty()) return true;
  int written = 0;
  return EVP_CipherUpdate(context, out == nullptr ? nullptr : uchars(out), &written, uchars(in.data()),
                          static_cast<int>(in.size())) == 1;
}

}  // namespace

Gcm::Gcm(Direction direction, std::span<const std::byte, kGcmKeySize> key) : context_(EVP_CIPHER_CTX_new()) {
  CHECK(context_ != nullptr);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  CHECK(cipher != nullptr);
  CHECK(EVP_CipherInit_ex2(evp(context_), cipher, uchars(key.data()), nullptr, direction == Direction::seal ? 1 : 0,
                           nullptr) == 1);
  EVP_CIPHER_free(cipher);  // the context keeps its own reference
}

Gcm::~Gcm() { EVP_CIPHER_CTX_free(evp(context_)); }

GcmTag Gcm::seal(const GcmNonce& nonce, ByteView associated_data, MutableBytes text) {
  auto* context = evp(context_);
  GcmTag tag;
  int written = 0;
  CHECK(EVP_CipherInit_ex2(context, nullptr, nullptr, uchars(nonce.data()), -1, nullptr) == 1);
  CHECK(update(context, nullptr, associated_data));
  CHECK(update(context, text.data(), text));
  CHECK(EVP_CipherFinal_ex(context, uchars(text.data() + text.size()), &written) == 1 && written == 0);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1);
  return tag;
}

bool Gcm::open(const GcmNonce& nonce, ByteView associated_data, MutableBytes text,
               std::span<const std::byte, kGcmTagSize> tag) {
  auto* context = evp(context_);
  GcmTag expected;  // the control call wants it writable
  std::memcpy(expected.data(), tag.data(), tag.size());
  int written = 0;
  CHECK(EVP_CipherInit_ex2(context, nullptr, nullptr, uchars(nonce.data()), -1, nullptr) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(expected.size()), expected.data()) == 1);
  bool opened = update(context, nullptr, associated_data) && update(context, text.data(), text) &&
                EVP_CipherFinal_ex(context, uchars(text.data() + text.size()), &written) == 1;
  if (!opened) wipe(text);
  return opened;
}

}  // namespace spendsync::crypto
