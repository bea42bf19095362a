#include "repository/page_hash.h"

#include <xxhash.h>

#include "crypto/digest.h"

namespace spendsync::repository {

std::shared_ptr<const PageHasher> PageHasher::create(const crypto::DataKey& meta_key) {
  std::shared_ptr<PageHasher> hasher(new PageHasher);
  auto base = crypto::derive_key(meta_key.secret, "page hash");
  crypto::hkdf_sha256(base.view(), {}, "spendsync-backup/1/page hash", hasher->secret_);
  return hasher;
}

PageHasher::~PageHasher() { wipe(secret_); }

Hash128 PageHasher::hash(ByteView bytes) const {
  auto value = XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret_.data(), secret_.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, value);
  Hash128 hash;
  static_assert(sizeof canonical.digest == sizeof hash);
  std::memcpy(hash.data(), canonical.digest, sizeof hash);
  return hash;
}

}  // namespace spendsync::repository
