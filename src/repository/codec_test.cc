#include "repository/codec.h"

#include "base/clock.h"
#include "base/testing.h"

namespace spendsync::repository {
namespace {

Bytes text_of(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>("abcdefgh"[i % 8]);
  return bytes;
}

Bytes noise_of(size_t size) {
  SeededRandom random(5);
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

TEST(Codec, ReturnsWhatWasCompressedAtEverySizeAndLevel) {
  auto decompressor = MUST(Decompressor::create());
  for (int level : {-5, 1, 3, 19}) {
    auto compressor = MUST(Compressor::create({Codec::zstd, level}));
    for (size_t size : {size_t{1}, size_t{100}, size_t{8192}, size_t{262144}, size_t{1048576}}) {
      for (const auto& raw : {text_of(size), noise_of(size), Bytes(size)}) {
        auto encoded = MUST(compressor.encode(raw));
        Bytes payload(encoded.payload.begin(), encoded.payload.end());
        Bytes out(size);
        ASSERT_OK(decompressor.decode(static_cast<uint8_t>(encoded.codec), payload, out));
        EXPECT_EQ(out, raw);
      }
    }
  }
}

TEST(Codec, StoresWhatDoesNotCompressAsItIs) {
  auto compressor = MUST(Compressor::create({}));
  auto raw = noise_of(100'000);
  auto encoded = MUST(compressor.encode(raw));
  EXPECT_EQ(encoded.codec, Codec::none);
  EXPECT_EQ(encoded.payload.data(), raw.data());  // not even copied
  EXPECT_EQ(MUST(compressor.encode(text_of(100'000))).codec, Codec::zstd);
  auto plain = MUST(Compressor::create({Codec::none, 0}));
  EXPECT_EQ(MUST(plain.encode(text_of(1000))).codec, Codec::none);
}

TEST(Codec, RefusesPayloadsOfAnotherSize) {
  auto compressor = MUST(Compressor::create({}));
  auto decompressor = MUST(Decompressor::create());
  auto raw = text_of(10'000);
  auto encoded = MUST(compressor.encode(raw));
  Bytes smaller(9'999);
  Bytes larger(10'001);
  EXPECT_KIND(decompressor.decode(1, encoded.payload, smaller), ErrorKind::corrupt);
  EXPECT_KIND(decompressor.decode(1, encoded.payload, larger), ErrorKind::corrupt);
  EXPECT_KIND(decompressor.decode(0, encoded.payload, larger), ErrorKind::corrupt);
  EXPECT_KIND(decompressor.decode(1, as_bytes("not zstd at all"), larger), ErrorKind::corrupt);
  EXPECT_KIND(decompressor.decode(2, encoded.payload, larger), ErrorKind::unsupported);
}

TEST(Codec, ABombFillsNoMoreThanTheFrameClaims) {
  auto compressor = MUST(Compressor::create({}));
  auto decompressor = MUST(Decompressor::create());
  Bytes zeros(8u << 20);
  auto encoded = MUST(compressor.encode(zeros));
  ASSERT_LT(encoded.payload.size(), 2000u);
  Bytes out(4096, std::byte{7});
  EXPECT_KIND(decompressor.decode(1, encoded.payload, MutableBytes(out).first(1024)), ErrorKind::corrupt);
  EXPECT_EQ(out[1024], std::byte{7});
}

TEST(Codec, RefusesUnknownNamesAndLevels) {
  EXPECT_EQ(MUST(parse_codec("zstd")), Codec::zstd);
  EXPECT_KIND(parse_codec("lz4"), ErrorKind::invalid);
  EXPECT_KIND(Compressor::create({Codec::zstd, 99}), ErrorKind::invalid);
}

}  // namespace
}  // namespace spendsync::repository
