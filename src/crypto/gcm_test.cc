#include "crypto/gcm.h"

#include "base/testing.h"

namespace spendsync::crypto {
namespace {

struct GcmVector {
  std::string key;
  std::string nonce;
  std::string plaintext;
  std::string associated_data;
  std::string ciphertext;
  std::string tag;
};

const std::string kKey16 = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const std::string kText60 =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba"
    "637b39";
const std::string kCipher60 =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abc"
    "c9f662";

// Cases 13 to 16 of the GCM submission to NIST (appendix B), then vectors of the CAVP file gcmEncryptExtIV256.rsp:
// those with 96-bit IVs and 128-bit tags, the only form that is used here.
const std::vector<GcmVector> kVectors{
    {std::string(64, '0'), std::string(24, '0'), "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {std::string(64, '0'), std::string(24, '0'), std::string(32, '0'), "", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {kKey16, "cafebabefacedbaddecaf888", kText60 + "1aafd255", "", kCipher60 + "898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {kKey16, "cafebabefacedbaddecaf888", kText60, "feedfacedeadbeeffeedfacedeadbeefabaddad2", kCipher60,
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4", "516c33929df5a3284ff463d7", "", "", "",
     "bdc1ac884d332457a1d2664f168c76f0"},
    {"78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "d79cf22d504cc793c3fb6c8a", "",
     "b96baa8c1c75a671bfb2d08d06be5f36", "", "3e5d486aa2e30b22e040b85723a06e76"},
    {"31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22", "0d18e06c7c725ac9e362e1ce",
     "2db5168e932556f8089a0622981d017d", "", "fa4362189661d163fcd6a56d8bf0405a", "d636ac1bbedd5cc3ee727dc2ab4a9489"},
    {"92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b", "ac93a1a6145299bde902f21a",
     "2d71bcfa914e4ac045b2aa60955fad24", "1e0889016f67601c8ebea4943bc23ad6", "8995ae2e6df3dbf96fac7b7137bae67f",
     "eca5aa77d51d4a0a14d9c51e1da474ab"},
};

Bytes hex(const std::string& text) { return MUST(from_hex(text)); }

template <size_t kSize>
std::array<std::byte, kSize> fixed(const std::string& text) {
  std::array<std::byte, kSize> result;
  auto bytes = hex(text);
  CHECK(bytes.size() == kSize);
  std::memcpy(result.data(), bytes.data(), kSize);
  return result;
}

TEST(Gcm, GivesTheKnownAnswers) {
  for (const auto& vector : kVectors) {
    auto key = fixed<kGcmKeySize>(vector.key);
    auto nonce = fixed<kGcmNonceSize>(vector.nonce);
    auto text = hex(vector.plaintext);
    auto tag = Gcm(Gcm::Direction::seal, key).seal(nonce, hex(vector.associated_data), text);
    EXPECT_EQ(to_hex(text), vector.ciphertext);
    EXPECT_EQ(to_hex(tag), vector.tag);
    EXPECT_TRUE(Gcm(Gcm::Direction::open, key).open(nonce, hex(vector.associated_data), text, tag));
    EXPECT_EQ(to_hex(text), vector.plaintext);
  }
}

TEST(Gcm, RefusesAnyChangedBitAndWipes) {
  const auto& vector = kVectors[3];
  auto key = fixed<kGcmKeySize>(vector.key);
  auto nonce = fixed<kGcmNonceSize>(vector.nonce);
  Gcm gcm(Gcm::Direction::open, key);
  auto flip = [](MutableBytes bytes, size_t bit) { bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8)); };
  auto expect_refused = [&](Bytes text, Bytes associated_data, GcmTag tag, GcmNonce used_nonce) {
    EXPECT_FALSE(gcm.open(used_nonce, associated_data, text, tag));
    EXPECT_EQ(text, Bytes(text.size()));
  };
  const auto text = hex(vector.ciphertext);
  const auto associated_data = hex(vector.associated_data);
  const auto tag = fixed<kGcmTagSize>(vector.tag);
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    auto changed = text;
    flip(changed, bit);
    expect_refused(changed, associated_data, tag, nonce);
  }
  for (size_t bit = 0; bit < associated_data.size() * 8; ++bit) {
    auto changed = associated_data;
    flip(changed, bit);
    expect_refused(text, changed, tag, nonce);
  }
  for (size_t bit = 0; bit < tag.size() * 8; ++bit) {
    auto changed = tag;
    flip(changed, bit);
    expect_refused(text, associated_data, changed, nonce);
  }
  for (size_t bit = 0; bit < nonce.size() * 8; ++bit) {
    auto changed = nonce;
    flip(changed, bit);
    expect_refused(text, associated_data, tag, changed);
  }
  auto intact = text;
  EXPECT_TRUE(gcm.open(nonce, associated_data, intact, tag)) << "a refusal must not spoil the next message";
}

TEST(Gcm, ServesManyMessagesUnderOneKey) {
  auto key = fixed<kGcmKeySize>(kKey16);
  Gcm sealer(Gcm::Direction::seal, key);
  Gcm opener(Gcm::Direction::open, key);
  for (uint8_t number = 0; number < 50; ++number) {
    GcmNonce nonce{};
    nonce[11] = static_cast<std::byte>(number);
    Bytes text(static_cast<size_t>(number) * 37, static_cast<std::byte>(number));
    auto original = text;
    auto tag = sealer.seal(nonce, original, text);
    ASSERT_TRUE(opener.open(nonce, original, text, tag));
    EXPECT_EQ(text, original);
  }
}

}  // namespace
}  // namespace spendsync::crypto
