#include "postgres/wal/record.h"

#include <random>

#include "base/testing.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

template <class T>
std::string integer(T value) {
  return WalBuilder::integer(value);
}

std::string relation() { return integer(uint32_t{1663}) + integer(uint32_t{5}) + integer(uint32_t{16384}); }

struct Decoded {
  Bytes bytes;
  WalRecordContents contents;
};

Result<Decoded> decode(const WalBuilder::Record& record, int major_version) {
  WalBuilder::Settings settings;
  settings.major_version = major_version;
  WalBuilder builder(settings);
  builder.append(record);
  WalRecordReader reader({.segment_size = settings.segment_size, .major_version = major_version});
  Decoded decoded;
  TRY(reader.feed(builder.name(3), builder.segment(3), [&](const WalRecord& found) -> Result<void> {
    decoded.bytes.assign(found.bytes.begin(), found.bytes.end());
    WalRecord copy = found;
    copy.bytes = decoded.bytes;
    return decode_record(copy, major_version, decoded.contents);
  }));
  if (decoded.bytes.empty()) return Error(ErrorKind::internal, "no record: " + reader.end_reason());
  return decoded;
}

TEST(DecodeRecord, TakesBlockReferencesApart) {
  WalBuilder::Record record{.resource_manager = 10};
  record.headers = std::string("\x00\x20", 2) + integer(uint16_t{3}) + relation() + integer(uint32_t{77});
  // The second one is of the same relation, another fork, made anew, without data.
  record.headers += std::string("\x01\xC2", 2) + integer(uint16_t{0}) + integer(uint32_t{78});
  record.payload = "abc";
  record.main_data = "main";
  Decoded decoded = MUST(decode(record, 15));
  const auto& blocks = decoded.contents.blocks;
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].tablespace, 1663u);
  EXPECT_EQ(blocks[0].database, 5u);
  EXPECT_EQ(blocks[0].relation, 16384u);
  EXPECT_EQ(blocks[0].block, BlockNumber{77});
  EXPECT_EQ(blocks[0].fork, 0);
  EXPECT_EQ(as_text(blocks[0].data), "abc");
  EXPECT_EQ(blocks[1].relation, 16384u);
  EXPECT_EQ(blocks[1].fork, 2);
  EXPECT_TRUE(blocks[1].will_initialize);
  EXPECT_EQ(blocks[1].block, BlockNumber{78});
  EXPECT_TRUE(blocks[1].data.empty());
  EXPECT_EQ(as_text(decoded.contents.main_data), "main");
}

// 15 moved the bits: 0x04 is "applied" before and "compressed by pglz" since; a compressed image with a hole has its
// length.
TEST(DecodeRecord, KnowsTheImageBitsOfEachMajor) {
  std::string image(100, 'i');
  auto with_info = [&](uint8_t info, bool has_hole_length) {
    WalBuilder::Record record{.resource_manager = 10};
    record.headers = std::string("\x00\x10", 2) + integer(uint16_t{0}) + integer(uint16_t{100}) +
                     integer(uint16_t{48}) + std::string(1, static_cast<char>(info));
    if (has_hole_length) record.headers += integer(uint16_t{200});
    record.headers += relation() + integer(uint32_t{9});
    record.payload = image;
    record.main_data = "x";
    return record;
  };
  for (int major = 13; major <= 18; ++major) {
    uint8_t compressed = major < 15 ? 0x02 : 0x08;
    uint8_t applied = major < 15 ? 0x04 : 0x02;
    Decoded decoded = MUST(decode(with_info(static_cast<uint8_t>(0x01 | compressed | applied), true), major));
    EXPECT_TRUE(decoded.contents.blocks[0].has_image);
    EXPECT_TRUE(decoded.contents.blocks[0].applies_image);
    EXPECT_EQ(decoded.contents.blocks[0].block, BlockNumber{9});
    decoded = MUST(decode(with_info(0x01, false), major));
    EXPECT_FALSE(decoded.contents.blocks[0].applies_image);
    EXPECT_EQ(as_text(decoded.contents.main_data), "x");
  }
}

TEST(DecodeRecord, ReadsOriginAndTopTransaction) {
  WalBuilder::Record record{.resource_manager = 10};
  record.headers = "\xFD" + integer(uint16_t{7}) + "\xFC" + integer(uint32_t{4711});
  record.main_data = std::string(300, 'm');  // the long form
  Decoded decoded = MUST(decode(record, 14));
  EXPECT_EQ(decoded.contents.replication_origin, 7);
  EXPECT_EQ(decoded.contents.top_transaction, 4711u);
  EXPECT_EQ(decoded.contents.main_data.size(), 300u);
  EXPECT_KIND(decode(record, 13), ErrorKind::corrupt);  // 13 has no such id
}

TEST(DecodeRecord, RefusesWhatDoesNotAddUp) {
  auto with_headers = [](std::string headers) {
    WalBuilder::Record record{.resource_manager = 10};
    record.headers = std::move(headers);
    return record;
  };
  std::string block = std::string("\x00\x20", 2) + integer(uint16_t{1}) + relation() + integer(uint32_t{1});
  EXPECT_KIND(decode(with_headers(block), 15), ErrorKind::corrupt);  // its data is missing
  EXPECT_KIND(decode(with_headers(std::string("\x00\x80\x00\x00", 4) + integer(uint32_t{1})), 15), ErrorKind::corrupt);
  EXPECT_KIND(decode(with_headers("\x21" + std::string(20, '\0')), 15), ErrorKind::corrupt);  // block 33
  EXPECT_KIND(decode(with_headers("\xFE" + integer(UINT32_MAX)), 15), ErrorKind::corrupt);
  EXPECT_KIND(decode(with_headers("\xFE"), 15), ErrorKind::corrupt);
  EXPECT_KIND(
      decode(with_headers(std::string("\x00\x20", 2) + integer(uint16_t{0}) + relation() + integer(uint32_t{1})), 15),
      ErrorKind::corrupt);  // claims data, has none
}

TEST(DecodeRecord, NeverReadsOutsideTheRecord) {
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes(kRecordHeaderSize + random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 2 == 0 ? random() : random() % 4 + 0xFC);
    WalRecord record;
    record.size = bytes.size();
    record.bytes = bytes;
    WalRecordContents contents;
    auto result = decode_record(record, 13 + static_cast<int>(random() % 6), contents);
    if (!result) {
      EXPECT_KIND(result, ErrorKind::corrupt);
      continue;
    }
    EXPECT_LE(contents.main_data.size(), bytes.size());
    if (contents.main_data.empty()) continue;
    EXPECT_EQ(&contents.main_data.back(), &bytes.back());
  }
}

}  // namespace
}  // namespace spendsync::postgres
