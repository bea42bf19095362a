#include "base/bytes.h"

#include "base/testing.h"

namespace spendsync {
namespace {

Bytes hex(std::string_view text) { return MUST(from_hex(text)); }

TEST(Hex, RoundTrips) {
  EXPECT_EQ(to_hex(as_bytes(std::string_view("\x00\x7f\xff", 3))), "007fff");
  EXPECT_EQ(hex("007FfF"), to_bytes(std::string_view("\x00\x7f\xff", 3)));
  EXPECT_TRUE(hex("").empty());
}

TEST(Hex, RefusesOddLengthAndOtherDigits) {
  EXPECT_KIND(from_hex("abc"), ErrorKind::invalid);
  EXPECT_KIND(from_hex("0g"), ErrorKind::invalid);
  EXPECT_KIND(from_hex("g0"), ErrorKind::invalid);
}

TEST(ByteWriter, IsLittleEndian) {
  Bytes out;
  ByteWriter writer(out);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090a0b0c0d0e0f);
  writer.text("ab");
  EXPECT_EQ(to_hex(out),
            "01"
            "0302"
            "07060504"
            "0f0e0d0c0b0a0908"
            "026162");
  EXPECT_EQ(writer.size(), out.size());
}

TEST(ByteReader, ReadsWhatTheWriterWrote) {
  Bytes out;
  ByteWriter writer(out);
  writer.u8(200);
  writer.u16(60000);
  writer.u32(4000000000);
  writer.u64(18000000000000000000u);
  writer.text("name");
  writer.raw(as_bytes("xyz"));
  ByteReader reader(out);
  EXPECT_EQ(MUST(reader.u8()), 200);
  EXPECT_EQ(MUST(reader.u16()), 60000);
  EXPECT_EQ(MUST(reader.u32()), 4000000000);
  EXPECT_EQ(MUST(reader.u64()), 18000000000000000000u);
  EXPECT_EQ(MUST(reader.text(4)), "name");
  EXPECT_KIND(reader.expect_end(), ErrorKind::corrupt);
  EXPECT_EQ(as_text(MUST(reader.raw(3))), "xyz");
  EXPECT_TRUE(reader.at_end());
  EXPECT_OK(reader.expect_end());
}

TEST(ByteReader, VarintsRoundTripAtEveryLength) {
  for (unsigned bits = 0; bits < 64; bits++) {
    for (uint64_t value : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, ~uint64_t{0} >> bits}) {
      Bytes out;
      ByteWriter(out).varint(value);
      ByteReader reader(out);
      EXPECT_EQ(MUST(reader.varint()), value);
      EXPECT_TRUE(reader.at_end());
    }
  }
}

TEST(ByteReader, RefusesOverlongAndOversizedVarints) {
  for (std::string_view text : {"8000", "ff00", "80808000", "ffffffffffffffffff02", "ffffffffffffffffff8100",
                                "8080808080808080808001", "80", ""}) {
    Bytes bytes = hex(text);
    ByteReader reader(bytes);
    SCOPED_TRACE(text);
    EXPECT_KIND(reader.varint(), ErrorKind::corrupt);
  }
  Bytes largest = hex("ffffffffffffffffff01");
  EXPECT_EQ(MUST(ByteReader(largest).varint()), ~uint64_t{0});
}

TEST(ByteReader, NeverReadsPastTheEnd) {
  Bytes three = hex("010203");
  EXPECT_KIND(ByteReader(three).u32(), ErrorKind::corrupt);
  EXPECT_KIND(ByteReader(three).u64(), ErrorKind::corrupt);
  EXPECT_KIND(ByteReader(three).raw(4), ErrorKind::corrupt);
  Bytes text = hex("0561");
  EXPECT_KIND(ByteReader(text).text(100), ErrorKind::corrupt);
  Bytes huge = hex("ffffffffffffffffff01");
  EXPECT_KIND(ByteReader(huge).text(~size_t{0}), ErrorKind::corrupt);
}

TEST(ByteReader, RefusesTextOverItsLimit) {
  Bytes out;
  ByteWriter(out).text("12345");
  EXPECT_KIND(ByteReader(out).text(4), ErrorKind::corrupt);
  EXPECT_EQ(MUST(ByteReader(out).text(5)), "12345");
}

}  // namespace
}  // namespace spendsync
