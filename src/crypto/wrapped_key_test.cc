#include "crypto/wrapped_key.h"

#include <set>

#include "base/testing.h"

namespace spendsync::crypto {
namespace {

WrappedKey make_wrapped() {
  WrappedKey wrapped;
  wrapped.wrapper_type = "aws-kms";
  wrapped.wrapper_id = "arn:aws:kms:us-west-2:111122223333:key/1234abcd";
  wrapped.context.repository_id = "00112233445566778899aabbccddeeff";
  wrapped.context.cluster = "spendsync/7300000000000000001";
  for (size_t i = 0; i < 16; ++i) wrapped.context.key_id.bytes[i] = static_cast<std::byte>(i);
  wrapped.context.key_class = KeyClass::meta;
  wrapped.created = Timestamp(std::chrono::microseconds(1'710'460'800'123'456));
  wrapped.wrapped = to_bytes("what the wrapper made");
  return wrapped;
}

TEST(WrappedKey, RoundTrips) {
  auto original = make_wrapped();
  auto decoded = MUST(decode(encode(original)));
  EXPECT_EQ(decoded.wrapper_type, original.wrapper_type);
  EXPECT_EQ(decoded.wrapper_id, original.wrapper_id);
  EXPECT_EQ(decoded.context.repository_id, original.context.repository_id);
  EXPECT_EQ(decoded.context.cluster, original.context.cluster);
  EXPECT_EQ(decoded.context.key_id, original.context.key_id);
  EXPECT_EQ(decoded.context.key_class, original.context.key_class);
  EXPECT_EQ(decoded.created, original.created);
  EXPECT_EQ(decoded.wrapped, original.wrapped);
}

TEST(WrappedKey, FitsItsLimitAtTheLargest) {
  auto wrapped = make_wrapped();
  wrapped.wrapper_type = std::string(32, 't');
  wrapped.wrapper_id = std::string(2048, 'i');
  wrapped.context.repository_id = std::string(64, 'r');
  wrapped.context.cluster = std::string(512, 'c');
  wrapped.wrapped = Bytes(8192);
  auto bytes = encode(wrapped);
  EXPECT_LE(bytes.size(), kWrappedKeyMax);
  EXPECT_EQ(MUST(decode(bytes)).wrapper_id, wrapped.wrapper_id);
}

TEST(WrappedKey, NoticesEveryFlippedBitAndEveryCut) {
  auto bytes = encode(make_wrapped());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto changed = bytes;
    changed[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_KIND(decode(changed), ErrorKind::corrupt);
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_KIND(decode(ByteView(bytes).first(size)), ErrorKind::corrupt);
  bytes.push_back(std::byte{0});
  EXPECT_KIND(decode(bytes), ErrorKind::corrupt);
}

/// The object with one byte changed and a checksum that fits again, as a forger would make it.
Bytes forged(Bytes bytes, size_t position, uint8_t value) {
  bytes[position] = static_cast<std::byte>(value);
  bytes.erase(bytes.end() - sizeof(Sha256Digest), bytes.end());
  auto checksum = sha256(bytes);
  bytes.insert(bytes.end(), checksum.begin(), checksum.end());
  return bytes;
}

TEST(WrappedKey, RefusesWhatNoWriterMakes) {
  auto bytes = encode(make_wrapped());
  EXPECT_KIND(decode(forged(bytes, 8, 2)), ErrorKind::unsupported);  // newer version
  EXPECT_KIND(decode(forged(bytes, 8, 0)), ErrorKind::corrupt);      // version 0
  EXPECT_KIND(decode(forged(bytes, 10, 3)), ErrorKind::corrupt);     // unknown class
  EXPECT_KIND(decode(forged(bytes, 11, 1)), ErrorKind::corrupt);     // reserved byte
  EXPECT_KIND(decode(forged(bytes, 36, 200)), ErrorKind::corrupt);   // type longer than allowed
  EXPECT_KIND(decode(forged(bytes, 37, 0xff)), ErrorKind::corrupt);  // longer than the object
  EXPECT_KIND(decode(forged(bytes, 36, 6)), ErrorKind::corrupt);     // fields shifted by one
}

TEST(WrappedKey, DigestsEveryClearFieldButNotTheWrappedBytes) {
  std::set<Sha256Digest> digests;
  auto add = [&](auto change) {
    auto wrapped = make_wrapped();
    change(wrapped);
    digests.insert(clear_part_digest(wrapped));
  };
  add([](WrappedKey&) {});
  add([](WrappedKey& w) { w.wrapper_type += "x"; });
  add([](WrappedKey& w) { w.wrapper_id += "x"; });
  add([](WrappedKey& w) { w.context.repository_id += "x"; });
  add([](WrappedKey& w) { w.context.cluster += "x"; });
  add([](WrappedKey& w) { w.context.key_id.bytes[15] ^= std::byte{1}; });
  add([](WrappedKey& w) { w.context.key_class = KeyClass::data; });
  add([](WrappedKey& w) { w.created += std::chrono::microseconds(1); });
  EXPECT_EQ(digests.size(), 8u);
  add([](WrappedKey& w) { w.wrapped.clear(); });
  EXPECT_EQ(digests.size(), 8u);
}

TEST(WrappedKey, BelongsToOnePlace) {
  auto wrapped = make_wrapped();
  EXPECT_OK(expect_context(wrapped, wrapped.context));
  auto expected = wrapped.context;
  expected.repository_id[0] = 'f';
  EXPECT_KIND(expect_context(wrapped, expected), ErrorKind::corrupt);
  expected = wrapped.context;
  expected.cluster = "other/1";
  EXPECT_KIND(expect_context(wrapped, expected), ErrorKind::corrupt);
  expected = wrapped.context;
  expected.key_id.bytes[3] ^= std::byte{1};
  EXPECT_KIND(expect_context(wrapped, expected), ErrorKind::corrupt);
  expected = wrapped.context;
  expected.key_class = KeyClass::data;
  EXPECT_KIND(expect_context(wrapped, expected), ErrorKind::corrupt);
}

TEST(WrappedKey, NamesWrapsByRandomDigits) {
  SystemRandom random;
  auto id = random_wrap_id(random);
  EXPECT_EQ(id.size(), 16u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(id, random_wrap_id(random));
}

TEST(KeyId, IsSpelledInOneWay) {
  SystemRandom random;
  auto id = KeyId::random(random);
  EXPECT_EQ(MUST(KeyId::parse(id.to_string())), id);
  EXPECT_NE(KeyId::random(random), id);
  EXPECT_OK(KeyId::parse("00112233445566778899aabbccddeeff"));
  EXPECT_KIND(KeyId::parse("00112233445566778899AABBCCDDEEFF"), ErrorKind::invalid);
  EXPECT_KIND(KeyId::parse("00112233445566778899aabbccddeef"), ErrorKind::invalid);
  EXPECT_KIND(KeyId::parse("00112233445566778899aabbccddeeff00"), ErrorKind::invalid);
  EXPECT_KIND(KeyId::parse("00112233445566778899aabbccddeefg"), ErrorKind::invalid);
  EXPECT_KIND(KeyId::parse(""), ErrorKind::invalid);
  EXPECT_EQ(to_string(KeyClass::data), "data");
  EXPECT_EQ(to_string(KeyClass::meta), "meta");
}

}  // namespace
}  // namespace spendsync::crypto
