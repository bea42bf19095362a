#include "base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <type_traits>

#include "base/testing.h"

namespace spendsync {
namespace {

Bytes pattern() {
  Bytes bytes(Secret::kSize);
  for (size_t index = 0; index < bytes.size(); index++) bytes[index] = static_cast<std::byte>(index + 1);
  return bytes;
}

bool is_mapped(const void* address) {
  auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto start = reinterpret_cast<uintptr_t>(address) / page * page;
  unsigned char resident = 0;
  return mincore(reinterpret_cast<void*>(start), page, &resident) == 0;
}

std::string flags_of_mapping(const void* address) {
  std::ifstream smaps("/proc/self/smaps");
  std::ostringstream wanted;
  wanted << std::hex << reinterpret_cast<uintptr_t>(address) << "-";
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find('-') < 20 && line.find(':') > line.find(' ')) inside = line.starts_with(wanted.str());
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(Secret, HoldsACopyOfItsBytes) {
  Bytes bytes = pattern();
  Secret secret{ByteView(bytes)};
  wipe(bytes);
  EXPECT_TRUE(std::ranges::equal(secret.view(), pattern()));
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(Secret, StartsAsZeroesAndIsFilledInPlace) {
  Secret secret;
  EXPECT_TRUE(std::ranges::all_of(secret.view(), [](std::byte byte) { return byte == std::byte{0}; }));
  std::ranges::copy(pattern(), secret.mutable_view().begin());
  EXPECT_TRUE(std::ranges::equal(secret.clone().view(), pattern()));
}

TEST(Secret, ItsMemoryIsGoneWithIt) {
  const std::byte* where = nullptr;
  {
    Secret secret{ByteView(pattern())};
    where = secret.view().data();
    ASSERT_TRUE(is_mapped(where));
  }
  EXPECT_FALSE(is_mapped(where));
}

TEST(Secret, AssigningReleasesTheFormerOne) {
  Secret target;
  const std::byte* former = target.view().data();
  target = Secret(ByteView(pattern()));
  EXPECT_FALSE(is_mapped(former));
  EXPECT_TRUE(std::ranges::equal(target.view(), pattern()));
}

TEST(Secret, IsLockedAndLeftOutOfDumps) {
  // A page between two others of the same kind would share their entry in smaps: find ours by its start.
  Secret secret;
  std::string flags = flags_of_mapping(secret.view().data());
  if (flags.empty()) GTEST_SKIP() << "the mapping was merged with a neighbour";
  EXPECT_THAT(flags, testing::HasSubstr(" dd "));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they turn mlock into nothing
  EXPECT_THAT(flags, testing::HasSubstr(" lo "));
#endif
}

TEST(Secret, CannotBeCopied) {
  EXPECT_FALSE(std::is_copy_constructible_v<Secret>);
  EXPECT_FALSE(std::is_copy_assignable_v<Secret>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Secret>);
}

TEST(SecretDeathTest, RefusesAnotherSize) {
  Bytes short_key(31);
  EXPECT_DEATH(Secret{ByteView(short_key)}, "kSize");
}

}  // namespace
}  // namespace spendsync
