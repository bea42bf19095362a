#include "repository/page_hash.h"

#include <set>

#include "base/testing.h"

namespace spendsync::repository {
namespace {

crypto::DataKey key_of(uint8_t fill) {
  crypto::DataKey key;
  key.key_class = crypto::KeyClass::meta;
  for (auto& byte : key.secret.mutable_view()) byte = static_cast<std::byte>(fill);
  return key;
}

TEST(PageHasher, DependsOnEveryBitAndOnTheKey) {
  auto hasher = PageHasher::create(key_of(1));
  auto other = PageHasher::create(key_of(2));
  auto again = PageHasher::create(key_of(1));
  for (size_t size : {size_t{1}, size_t{16}, size_t{100}, size_t{200}, size_t{8192}}) {
    Bytes page(size, std::byte{0x5a});
    auto reference = hasher->hash(page);
    EXPECT_EQ(again->hash(page), reference);
    EXPECT_NE(other->hash(page), reference) << size;
    std::set<Hash128> seen{reference};
    for (size_t bit = 0; bit < std::min<size_t>(size * 8, 2000); ++bit) {
      auto changed = page;
      changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      EXPECT_TRUE(seen.insert(hasher->hash(changed)).second);
    }
  }
}

}  // namespace
}  // namespace spendsync::repository
