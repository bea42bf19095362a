// Keyed 128-bit hashes: which pages changed since the full, and which frames an interrupted run has already sent.
#pragma once

#include "crypto/data_key.h"

namespace spendsync::repository {

using Hash128 = std::array<std::byte, 16>;

/// XXH3-128 with a 192-byte secret derived from a meta key (docs/format/packs.md, "Keyed hashes"): without the key
/// nobody can find two contents of one hash. Immutable, thread-safe.
class PageHasher {
 public:
  static std::shared_ptr<const PageHasher> create(const crypto::DataKey& meta_key);
  ~PageHasher();
  PageHasher(const PageHasher&) = delete;
  PageHasher& operator=(const PageHasher&) = delete;

  Hash128 hash(ByteView bytes) const;

 private:
  PageHasher() = default;
  alignas(64) std::array<std::byte, 192> secret_{};
};

}  // namespace spendsync::repository
