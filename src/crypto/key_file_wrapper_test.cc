#include "crypto/key_file_wrapper.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"
#include "crypto/testing/counting.h"
#include "crypto/wrapped_key.h"

namespace spendsync::crypto {
namespace {

class KeyFileWrapperTest : public testing::Test {
 protected:
  KeyFileWrapperTest() { write_key(counting(0x80, 32), 0600); }
  void write_key(const Bytes& bytes, mode_t mode) { ASSERT_OK(replace_file(path_, bytes, mode)); }
  Result<std::unique_ptr<KeyFileWrapper>> open() { return KeyFileWrapper::open(path_, random_, clock_); }
  void expect_refused(std::string_view message, const std::string& hint) {
    auto result = open();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::refused) << describe(result.error());
    EXPECT_THAT(result.error().message(), testing::HasSubstr(std::string(message)));
    EXPECT_THAT(result.error().message(), testing::HasSubstr(path_));
    EXPECT_THAT(result.error().hint(), testing::HasSubstr(hint));
  }
  KeyContext context() const {
    KeyContext context{"00112233445566778899aabbccddeeff", "spendsync/7300000000000000001", {}, KeyClass::meta};
    auto id = counting(0xa0, 16);
    std::copy(id.begin(), id.end(), context.key_id.bytes.begin());
    return context;
  }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "key-file-"));
  std::string path_ = directory_.path() + "/repository.key";
  SystemRandom random_;
  ManualClock clock_{Timestamp(std::chrono::seconds(1'710'460'800))};
};

// The vector of docs/format/keys.md, made by an independent program from the page alone.
constexpr std::string_view kVector =
    "535342575241503101000200a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00e062b0a713060008006b65792d66696c651000653562653639653631"
    "62"
    "373739623237200030303131323233333434353536363737383839396161626263636464656566661d007370656e6473796e632f3733303030"
    "30"
    "303030303030303030303030315000404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5fc6aec9b0843502f079d6"
    "38"
    "f94eaa6f8b2347ab4b96a6740f5535394c053e1fc814633f4ac9a408e996e8fc31a2738e4e5b57f5af80e74be8708e84c0f9303264e0ad4210"
    "5c"
    "d1f2c2d6ec74a5381b4203";

TEST_F(KeyFileWrapperTest, WrapsAsTheFormatPageSays) {
  CountingRandom salt;
  auto wrapper = MUST(KeyFileWrapper::open(path_, salt, clock_));
  EXPECT_EQ(wrapper->type(), "key-file");
  EXPECT_EQ(wrapper->id(), "e5be69e61b779b27");
  auto wrapped = MUST(wrapper->wrap(Secret(counting(0, 32)), context()));
  EXPECT_EQ(to_hex(encode(wrapped)), kVector);
  auto read = MUST(decode(MUST(from_hex(kVector))));
  EXPECT_EQ(to_hex(MUST(wrapper->unwrap(read)).view()), to_hex(counting(0, 32)));
}

TEST_F(KeyFileWrapperTest, OpensWhatItWrapped) {
  auto wrapper = MUST(open());
  EXPECT_TRUE(wrapper->can_open());
  EXPECT_TRUE(wrapper->opens_locally());
  Secret key;
  random_.fill(key.mutable_view());
  auto first = MUST(wrapper->wrap(key, context()));
  auto second = MUST(wrapper->wrap(key, context()));
  EXPECT_NE(first.wrapped, second.wrapped);
  EXPECT_EQ(first.created, clock_.now());
  auto again = MUST(open());  // another process
  EXPECT_EQ(to_hex(MUST(again->unwrap(first)).view()), to_hex(key.view()));
  EXPECT_EQ(to_hex(MUST(again->unwrap(second)).view()), to_hex(key.view()));
}

TEST_F(KeyFileWrapperTest, NoticesEveryForgedBit) {
  auto wrapper = MUST(open());
  const auto bytes = encode(MUST(wrapper->wrap(Secret(counting(0, 32)), context())));
  const auto body_size = bytes.size() - sizeof(Sha256Digest);
  for (size_t bit = 0; bit < body_size * 8; ++bit) {
    Bytes forged(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(body_size));
    forged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    auto checksum = sha256(forged);  // a forger makes it fit
    forged.insert(forged.end(), checksum.begin(), checksum.end());
    auto decoded = decode(forged);
    if (!decoded) continue;
    EXPECT_FALSE(wrapper->unwrap(*decoded)) << "bit " << bit;
  }
}

TEST_F(KeyFileWrapperTest, NamesWhatWasTamperedWith) {
  auto wrapper = MUST(open());
  auto wrapped = MUST(wrapper->wrap(Secret(counting(0, 32)), context()));
  auto with = [&](auto change) {
    auto changed = wrapped;
    change(changed);
    return wrapper->unwrap(changed);
  };
  EXPECT_KIND(with([](WrappedKey& w) { w.context.repository_id[0] = 'f'; }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.context.cluster = "other/1"; }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.context.key_id.bytes[0] ^= std::byte{1}; }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.context.key_class = KeyClass::data; }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.created += std::chrono::hours(1); }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.wrapped[0] ^= std::byte{1}; }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.wrapped.pop_back(); }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.wrapped.clear(); }), ErrorKind::corrupt);
  EXPECT_KIND(with([](WrappedKey& w) { w.wrapper_id = "0000000000000000"; }), ErrorKind::denied);
  EXPECT_KIND(with([](WrappedKey& w) { w.wrapper_type = "escrow"; }), ErrorKind::denied);
}

TEST_F(KeyFileWrapperTest, IsDeniedWhatAnotherKeyFileWrapped) {
  auto wrapped = MUST(MUST(open())->wrap(Secret(counting(0, 32)), context()));
  write_key(counting(0x81, 32), 0600);
  auto other = MUST(open());
  EXPECT_KIND(other->unwrap(wrapped), ErrorKind::denied);
  wrapped.wrapper_id = other->id();
  EXPECT_KIND(other->unwrap(wrapped), ErrorKind::corrupt);
}

TEST_F(KeyFileWrapperTest, AcceptsBothPrivateModes) {
  EXPECT_OK(open());
  ASSERT_EQ(chmod(path_.c_str(), 0400), 0);
  EXPECT_OK(open());
}

TEST_F(KeyFileWrapperTest, RefusesEveryOtherMode) {
  for (mode_t mode : {0640u, 0604u, 0644u, 0660u, 0666u, 0700u, 0500u, 04600u, 02600u, 01600u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    expect_refused("has mode ", "chmod 600 " + path_);
  }
}

TEST_F(KeyFileWrapperTest, RefusesEveryOtherSize) {
  for (size_t size : {0u, 1u, 31u, 33u, 44u, 64u, 65u, 4096u}) {
    write_key(counting(1, size), 0600);
    expect_refused("exactly 32 raw bytes", "openssl rand 32 > " + path_);
  }
}

TEST_F(KeyFileWrapperTest, RefusesAnEmptiedKey) {
  write_key(Bytes(32), 0600);
  expect_refused("only zero bytes", "openssl rand 32 > " + path_);
}

TEST_F(KeyFileWrapperTest, RefusesLinksDirectoriesAndPipes) {
  auto file = path_;
  path_ = directory_.path() + "/link";
  ASSERT_EQ(symlink(file.c_str(), path_.c_str()), 0);
  expect_refused("is a symbolic link", "readlink -f " + path_);
  path_ = directory_.path() + "/directory";
  ASSERT_OK(make_directories(path_, 0700));
  expect_refused("is not a regular file", "openssl rand 32 > " + path_);
  path_ = directory_.path() + "/pipe";
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  expect_refused("is not a regular file", "openssl rand 32 > " + path_);
}

TEST_F(KeyFileWrapperTest, RefusesAForeignOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  expect_refused("belongs to user 65534", "chown 0 " + path_);
}

TEST_F(KeyFileWrapperTest, SaysHowToMakeAMissingKey) {
  path_ = directory_.path() + "/no such key's file";
  auto missing = open();
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_THAT(missing.error().hint(),
              testing::HasSubstr("openssl rand 32 > '" + directory_.path() + "/no such key'\\''s file'"));
}

}  // namespace
}  // namespace spendsync::crypto
