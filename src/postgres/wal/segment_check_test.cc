#include "postgres/wal/segment_check.h"

#include "base/testing.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

struct Sample {
  WalBuilder builder;
  Bytes content;
  SegmentExpectation expected;
};

Sample full_segment(int major_version = 15) {
  WalBuilder::Settings settings;
  settings.major_version = major_version;
  WalBuilder builder(settings);
  builder.fill_segment();
  Bytes content = builder.segment(settings.first_segment);
  SegmentExpectation expected{builder.name(settings.first_segment), settings.segment_size, settings.system_identifier,
                              major_version};
  return {std::move(builder), std::move(content), expected};
}

TEST(SegmentCheck, AcceptsASegmentOfEveryMajor) {
  for (int major = 13; major <= 18; ++major) {
    Sample sample = full_segment(major);
    EXPECT_OK(check_segment(sample.content, sample.expected));
    EXPECT_EQ(MUST(read_segment_header(sample.content)).major_version, major);
  }
}

TEST(SegmentCheck, ReadsTheHeader) {
  Sample sample = full_segment();
  SegmentHeader header = MUST(read_segment_header(sample.content));
  EXPECT_EQ(header.magic, 0xD110);
  EXPECT_EQ(header.timeline, TimelineId{1});
  EXPECT_EQ(header.address, Lsn{3u << 20});
  EXPECT_EQ(header.system_identifier.value, 7412345678901234567u);
  EXPECT_EQ(header.segment_size, 1u << 20);
  EXPECT_EQ(header.page_size, 8192u);
}

TEST(SegmentCheck, AcceptsTheZerosAfterASwitch) {
  WalBuilder builder;
  builder.fill(100);
  builder.switch_segment();
  SegmentExpectation expected{builder.name(3), 1u << 20, builder.settings().system_identifier, 15};
  EXPECT_OK(check_segment(builder.segment(3), expected));
}

TEST(SegmentCheck, AcceptsATimelineThatBeginsInside) {
  WalBuilder builder;
  builder.fill(100000);
  builder.set_timeline(TimelineId{2});
  builder.fill_segment();
  SegmentExpectation expected{builder.name(3), 1u << 20, builder.settings().system_identifier, 15};
  EXPECT_OK(check_segment(builder.segment(3), expected));
}

TEST(SegmentCheck, RefusesAnotherClustersSegment) {
  Sample sample = full_segment();
  sample.expected.system_identifier = SystemIdentifier{42};
  auto result = check_segment(sample.content, sample.expected);
  EXPECT_KIND(result, ErrorKind::refused);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("7412345678901234567"));
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("42"));
}

TEST(SegmentCheck, RefusesAnotherVersion) {
  Sample sample = full_segment(16);
  sample.expected.major_version = 15;
  auto result = check_segment(sample.content, sample.expected);
  EXPECT_KIND(result, ErrorKind::refused);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("PostgreSQL 16"));
}

TEST(SegmentCheck, RefusesAnotherPlace) {
  Sample sample = full_segment();
  ++sample.expected.name.number;
  EXPECT_KIND(check_segment(sample.content, sample.expected), ErrorKind::refused);
}

TEST(SegmentCheck, RefusesALaterTimelineThanItsName) {
  WalBuilder::Settings settings;
  settings.timeline = TimelineId{5};
  WalBuilder builder(settings);
  builder.fill_segment();
  SegmentExpectation expected{{TimelineId{4}, 3}, 1u << 20, settings.system_identifier, 15};
  EXPECT_KIND(check_segment(builder.segment(3), expected), ErrorKind::refused);
}

TEST(SegmentCheck, RefusesAnotherSegmentSize) {
  Sample sample = full_segment();
  sample.expected.segment_size = 16u << 20;
  sample.expected.name.number = 0;
  EXPECT_KIND(check_segment(sample.content, sample.expected), ErrorKind::refused);
}

TEST(SegmentCheck, FindsEveryTruncation) {
  Sample sample = full_segment();
  for (size_t size : {size_t{0}, size_t{1}, size_t{39}, size_t{40}, size_t{8192}, sample.content.size() - 1}) {
    EXPECT_KIND(check_segment(ByteView(sample.content).first(size), sample.expected), ErrorKind::corrupt);
  }
  sample.content.resize(sample.content.size() + 1);
  EXPECT_KIND(check_segment(sample.content, sample.expected), ErrorKind::corrupt);
}

TEST(SegmentCheck, FindsAPageOfARecycledSegment) {
  Sample sample = full_segment();
  WalBuilder::Settings older;
  older.first_segment = 1;
  WalBuilder old(older);
  old.fill_segment();
  Bytes stale = old.segment(1);
  std::copy(stale.begin() + 40 * 8192, stale.end(), sample.content.begin() + 40 * 8192);
  auto result = check_segment(sample.content, sample.expected);
  EXPECT_KIND(result, ErrorKind::corrupt);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("offset 327680"));
}

TEST(SegmentCheck, FindsAHoleOfZeros) {
  Sample sample = full_segment();
  std::fill_n(sample.content.begin() + 8192, 8192, std::byte{0});
  EXPECT_KIND(check_segment(sample.content, sample.expected), ErrorKind::corrupt);
}

// The reserved bytes behind xlp_rem_len and the length itself say nothing by themselves; all else must be right.
TEST(SegmentCheck, FindsEveryFlippedBitOfPageHeaders) {
  Sample sample = full_segment();
  for (size_t page : {size_t{0}, size_t{1}, size_t{127}}) {
    size_t header_size = page == 0 ? kLongPageHeaderSize : 16;
    for (size_t bit = 0; bit < header_size * 8; ++bit) {
      size_t offset = bit / 8;
      if (offset >= 16 && offset < 24) continue;
      bool harmless = offset == 2 && (bit % 8 == 0 || bit % 8 == 2 || bit % 8 == 3);  // flags that may stand or not
      Bytes flipped = sample.content;
      flipped[page * 8192 + offset] ^= static_cast<std::byte>(1u << (bit % 8));
      EXPECT_EQ(check_segment(flipped, sample.expected).has_value(), harmless) << "page " << page << " bit " << bit;
    }
  }
}

TEST(SegmentCheck, OfAPartialFileLooksAtTheFirstPageOnly) {
  Sample sample = full_segment();
  std::fill(sample.content.begin() + 8192, sample.content.end(), std::byte{0x5A});
  EXPECT_KIND(check_segment(sample.content, sample.expected), ErrorKind::corrupt);
  EXPECT_OK(check_segment_beginning(sample.content, sample.expected));
  sample.content.pop_back();
  EXPECT_KIND(check_segment_beginning(sample.content, sample.expected), ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::postgres
