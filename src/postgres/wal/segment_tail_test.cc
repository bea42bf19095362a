#include "postgres/wal/segment_tail.h"

#include <random>

#include "base/file.h"
#include "base/testing.h"
#include "postgres/wal/record_reader.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

class SegmentTail : public ::testing::Test {
 protected:
  /// As whoever reads the whole segment knows it.
  static SegmentEdges edges_of(WalBuilder& builder, uint64_t number) {
    const auto& settings = builder.settings();
    WalRecordReader reader({.segment_size = settings.segment_size, .major_version = settings.major_version});
    EXPECT_OK(reader.feed(builder.name(number), builder.segment(number), [](const WalRecord&) { return ok(); }));
    return reader.edges();
  }
  std::optional<uint64_t> read(WalBuilder& builder, uint64_t number, Lsn last_record) {
    const auto& settings = builder.settings();
    auto path = directory_.path() + "/" + builder.name(number).file_name(settings.segment_size);
    EXPECT_OK(replace_file(path, builder.segment(number), 0600));
    return read_segment_tail({.path = path,
                              .name = builder.name(number),
                              .segment_size = settings.segment_size,
                              .system_identifier = settings.system_identifier,
                              .last_record = last_record});
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "segment-tail-test"));
};

TEST_F(SegmentTail, IsTheSameReadFromEitherEnd) {
  for (uint32_t page_size : {1024u, 8192u, 65536u}) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      SCOPED_TRACE(::testing::Message() << "page size " << page_size << ", seed " << seed);
      std::mt19937_64 random(seed);
      WalBuilder::Settings settings;
      settings.page_size = page_size;
      WalBuilder builder(settings);
      while (builder.position() < Lsn{7u << 20}) {
        auto dice = random() % 400;
        if (dice == 0) {
          builder.switch_segment();
        } else if (dice < 4) {
          builder.fill(random() % 100'000);
        } else if (dice < 6) {
          builder.crash_in_record(page_size * 3);
          builder.append({.info = 0xD0, .main_data = std::string(16, '\0')});
        } else {
          builder.fill(random() % 3000);
        }
      }
      for (uint64_t number = 3; number < 6; ++number) {
        auto next = edges_of(builder, number + 1);
        auto whole = edges_of(builder, number);
        ASSERT_TRUE(next.first_previous && whole.tail);
        EXPECT_EQ(read(builder, number, *next.first_previous), whole.tail) << number;
      }
    }
  }
}

TEST_F(SegmentTail, TellsRecordsOfEqualSizesApart) {
  auto written = [](const char* byte) {
    WalBuilder builder;
    while (builder.position() < Lsn{5u << 20})
      builder.append({.resource_manager = 10, .main_data = std::string(100, *byte)});
    return builder;
  };
  auto one = written("a");
  auto other = written("b");
  auto one_edges = edges_of(one, 4);
  auto other_edges = edges_of(other, 4);
  EXPECT_EQ(one_edges.first_previous, other_edges.first_previous);
  EXPECT_EQ(one_edges.last_record, other_edges.last_record);
  EXPECT_NE(one_edges.tail, other_edges.tail);
}

TEST_F(SegmentTail, OfTheSegmentBeforeIsKnownToWhoeverReadBoth) {
  WalBuilder builder;
  while (builder.position() < Lsn{6u << 20}) builder.fill(777);
  WalRecordReader reader({.segment_size = 1u << 20, .major_version = 15});
  auto ignore = [](const WalRecord&) { return ok(); };
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), ignore));
  EXPECT_FALSE(reader.edges().previous_tail);
  auto tail = reader.edges().tail;
  ASSERT_OK(reader.feed(builder.name(4), builder.segment(4), ignore));
  EXPECT_EQ(reader.edges().previous_tail, tail);
}

TEST_F(SegmentTail, SaysNothingOfAFileThatIsAnotherSegment) {
  WalBuilder builder;
  while (builder.position() < Lsn{6u << 20}) builder.fill(777);
  auto path = directory_.path() + "/000000010000000000000004";
  EXPECT_OK(replace_file(path, builder.segment(5), 0600));
  SegmentTailRequest request{.path = path,
                             .name = builder.name(4),
                             .segment_size = 1u << 20,
                             .system_identifier = builder.settings().system_identifier,
                             .last_record = *edges_of(builder, 4).last_whole};
  EXPECT_FALSE(read_segment_tail(request));
  request.path = directory_.path() + "/none";
  EXPECT_FALSE(read_segment_tail(request));
  EXPECT_OK(replace_file(request.path, Bytes(1u << 20), 0600));
  EXPECT_FALSE(read_segment_tail(request));
}

}  // namespace
}  // namespace spendsync::postgres
