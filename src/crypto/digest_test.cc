#include "crypto/digest.h"

#include "base/testing.h"

namespace spendsync::crypto {
namespace {

Bytes hex(std::string_view text) { return MUST(from_hex(text)); }
Bytes repeated(size_t count, uint8_t value) { return Bytes(count, static_cast<std::byte>(value)); }

// FIPS 180-2, appendix B.
TEST(Sha256, GivesTheKnownAnswers) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, IsTheSameInPieces) {
  Sha256 pieces;
  auto text = as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
  pieces.update(text.first(1));
  pieces.update({});
  pieces.update(text.subspan(1));
  EXPECT_EQ(pieces.finish(), sha256(text));
}

struct HmacVector {
  Bytes key;
  Bytes data;
  const char* mac;
};

// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation).
TEST(HmacSha256, GivesTheAnswersOfRfc4231) {
  const std::vector<HmacVector> vectors{
      {repeated(20, 0x0b), to_bytes("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {to_bytes("Jefe"), to_bytes("what do ya want for nothing?"),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {repeated(20, 0xaa), repeated(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), repeated(50, 0xcd),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {repeated(131, 0xaa), to_bytes("Test Using Larger Than Block-Size Key - Hash Key First"),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {repeated(131, 0xaa),
       to_bytes("This is a test using a larger than block-size key and a larger than block-size data. The key needs "
                "to be hashed before being used by the HMAC algorithm."),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& vector : vectors) EXPECT_EQ(to_hex(hmac_sha256(vector.key, vector.data)), vector.mac);
}

struct HkdfVector {
  Bytes input_key;
  Bytes salt;
  Bytes info;
  const char* output;
};

// RFC 5869, appendix A.1 to A.3 (the others use SHA-1).
TEST(HkdfSha256, GivesTheAnswersOfRfc5869) {
  auto counting = [](int from, int to) {
    Bytes bytes;
    for (int value = from; value <= to; ++value) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
  };
  const std::vector<HkdfVector> vectors{
      {repeated(22, 0x0b), counting(0x00, 0x0c), counting(0xf0, 0xf9),
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      {counting(0x00, 0x4f), counting(0x60, 0xaf), counting(0xb0, 0xff),
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09"
       "b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      {repeated(22, 0x0b),
       {},
       {},
       "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
  };
  for (const auto& vector : vectors) {
    Bytes output(std::string_view(vector.output).size() / 2);
    hkdf_sha256(vector.input_key, vector.salt, as_text(vector.info), output);
    EXPECT_EQ(to_hex(output), vector.output);
  }
}

TEST(HkdfSha256, GoesUpToItsLimit) {
  Bytes output(8160);
  hkdf_sha256(repeated(32, 1), {}, "long", output);
  Bytes head(32);
  hkdf_sha256(repeated(32, 1), {}, "long", head);
  EXPECT_EQ(Bytes(output.begin(), output.begin() + 32), head);
  EXPECT_NE(output.back(), std::byte{0});
}

TEST(EqualDigests, ComparesEveryByteAndTheSize) {
  auto digest = sha256(as_bytes("a"));
  EXPECT_TRUE(equal_digests(digest, digest));
  for (size_t bit = 0; bit < digest.size() * 8; ++bit) {
    auto other = digest;
    other[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(equal_digests(digest, other));
  }
  EXPECT_FALSE(equal_digests(digest, ByteView(digest).first(31)));
}

TEST(DeriveKey, DependsOnKeyAndPurposeAsTheFormatSays) {
  Secret key;
  for (size_t i = 0; i < Secret::kSize; ++i) key.mutable_view()[i] = static_cast<std::byte>(i);
  EXPECT_EQ(to_hex(derive_key(key, "content mac").view()),
            "96735fae086cec0664496e65fba247e012f5531c7f043251933fd3e742ab745e");  // docs/format/keys.md
  EXPECT_NE(to_hex(derive_key(key, "page hash").view()), to_hex(derive_key(key, "content mac").view()));
  auto other = key.clone();
  other.mutable_view()[31] ^= std::byte{1};
  EXPECT_NE(to_hex(derive_key(other, "content mac").view()), to_hex(derive_key(key, "content mac").view()));
}

}  // namespace
}  // namespace spendsync::crypto
