#include "postgres/wal/record_reader.h"

#include <random>

#include "base/testing.h"
#include "postgres/wal/testing/wal_builder.h"

namespace spendsync::postgres {
namespace {

struct Seen {
  Lsn start;
  Lsn end;
  uint64_t size = 0;
  uint32_t crc_of_bytes = 0;
  bool is_cut = false;
};

WalRecordReader::Visitor collect(std::vector<Seen>& seen) {
  return [&](const WalRecord& record) -> Result<void> {
    seen.push_back({record.start, record.end, record.size, crc32c(0, record.bytes), record.is_cut});
    return {};
  };
}

WalRecordReader reader_of(const WalBuilder& builder, size_t record_size_max = 64u << 20) {
  return WalRecordReader({.segment_size = builder.settings().segment_size,
                          .major_version = builder.settings().major_version,
                          .record_size_max = record_size_max});
}

TEST(WalRecordReader, FindsEveryRecordAcrossPagesAndSegments) {
  WalBuilder builder;
  std::vector<Lsn> starts;
  for (size_t size = 1; builder.position() < Lsn{6u << 20}; size = size * 7 % 30011 + 1)
    starts.push_back(builder.fill(size));
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  for (uint64_t number = 3; number <= 6; ++number) {
    ASSERT_OK(reader.feed(builder.name(number), builder.segment(number), collect(seen)));
  }
  ASSERT_EQ(seen.size(), starts.size());
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].start, starts[i]);
  EXPECT_EQ(reader.records(), starts.size());
  EXPECT_EQ(reader.end_of_records(), builder.position());
  EXPECT_TRUE(reader.at_end());  // zeros follow
  EXPECT_EQ(reader.end_position(), builder.position());
}

TEST(WalRecordReader, ReadsEveryMajorAndPageSize) {
  for (int major = 13; major <= 18; ++major) {
    for (uint32_t page_size : {1024u, 8192u, 65536u}) {
      WalBuilder::Settings settings;
      settings.major_version = major;
      settings.page_size = page_size;
      WalBuilder builder(settings);
      builder.fill(100000);
      builder.fill(10);
      WalRecordReader reader = reader_of(builder);
      std::vector<Seen> seen;
      ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
      EXPECT_EQ(seen.size(), 2u) << major << " " << page_size << " " << reader.end_reason();
    }
  }
}

TEST(WalRecordReader, ACompleteSegmentNeverEndsIt) {
  WalBuilder builder;
  builder.fill_segment();
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.unfinished_record(), builder.last_record());
}

TEST(WalRecordReader, StartsInTheMiddleOfARecord) {
  WalBuilder builder;
  builder.fill(3u << 20);  // over three segments
  Lsn wanted = builder.fill(77);
  uint64_t last = builder.position().value >> 20;
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  for (uint64_t number = 4; number <= last; ++number) {
    ASSERT_OK(reader.feed(builder.name(number), builder.segment(number), collect(seen)));
  }
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].start, wanted);
}

TEST(WalRecordReader, DeliversALongRecordCutButChecked) {
  WalBuilder builder;
  builder.fill(3u << 20);
  builder.fill(5);
  Bytes damaged = builder.segment(5);
  damaged[500000] ^= std::byte{1};
  for (bool damage : {false, true}) {
    WalRecordReader reader = reader_of(builder, 100000);
    std::vector<Seen> seen;
    for (uint64_t number = 3; number <= 6; ++number) {
      ASSERT_OK(
          reader.feed(builder.name(number), number == 5 && damage ? damaged : builder.segment(number), collect(seen)));
    }
    if (damage) {
      EXPECT_TRUE(seen.empty());
      EXPECT_THAT(reader.end_reason(), ::testing::HasSubstr("CRC-32C"));
    } else {
      ASSERT_EQ(seen.size(), 2u);
      EXPECT_TRUE(seen[0].is_cut);
      EXPECT_EQ(seen[0].size, (3u << 20) + kRecordHeaderSize + 5);
      EXPECT_FALSE(seen[1].is_cut);
    }
  }
}

TEST(WalRecordReader, SkipsToTheNextSegmentAfterASwitch) {
  WalBuilder builder;
  builder.fill(10);
  Lsn switched = builder.switch_segment();
  Lsn next = builder.fill(20);
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_FALSE(reader.at_end());
  ASSERT_OK(reader.feed(builder.name(4), builder.segment(4), collect(seen)));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].start, switched);
  EXPECT_EQ(seen[1].end, Lsn{4u << 20});
  EXPECT_EQ(seen[2].start, next);
}

TEST(WalRecordReader, GoesOnAfterAnOverwrittenContinuation) {
  WalBuilder builder;
  builder.fill(100);
  builder.crash_in_record(20000);
  Lsn overwrite = builder.append({.info = 0xD0, .main_data = std::string(16, 'o')});
  Lsn next = builder.fill(30);
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  ASSERT_EQ(seen.size(), 3u) << reader.end_reason();
  EXPECT_EQ(seen[1].start, overwrite);
  EXPECT_EQ(seen[2].start, next);
}

TEST(WalRecordReader, StopsAtRecycledWal) {
  WalBuilder builder;
  builder.fill(100000);
  WalBuilder::Settings older;
  older.first_segment = 2;
  WalBuilder old(older);
  old.fill_segment();
  Bytes content = builder.segment(3);
  size_t used = builder.position().value & 0xFFFFF;
  Bytes stale = old.segment(2);
  std::copy(stale.begin() + static_cast<ptrdiff_t>(used), stale.end(), content.begin() + static_cast<ptrdiff_t>(used));
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), content, collect(seen)));
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(reader.end_of_records(), builder.position());
}

TEST(WalRecordReader, FollowsATimelineThatForkedOff) {
  WalBuilder parent;
  for (int i = 0; i < 50; ++i) parent.fill(1000);
  WalBuilder child = parent;  // the server copies what there was
  parent.fill(5000);          // and the old one goes on by itself
  child.set_timeline(TimelineId{2});
  Lsn own = child.fill(9000);
  child.fill_segment();
  WalRecordReader reader = reader_of(parent);
  std::vector<Seen> seen;
  size_t until_fork = static_cast<size_t>(50);
  ASSERT_OK(reader.feed(parent.name(3), parent.segment(3), collect(seen)));
  ASSERT_EQ(seen.size(), until_fork + 1);
  seen.clear();
  ASSERT_OK(reader.feed(child.name(3), child.segment(3), collect(seen)));
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0].start, own);  // what the parent showed is not shown again
  EXPECT_FALSE(reader.at_end());
  ASSERT_OK(reader.feed(child.name(4), child.segment(4), collect(seen)));
  EXPECT_EQ(reader.end_of_records(), child.position());
}

TEST(WalRecordReader, RefusesASegmentThatDoesNotFollow) {
  WalBuilder builder;
  builder.fill_segment();
  builder.fill_segment();
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_KIND(reader.feed(builder.name(5), builder.segment(5), collect(seen)), ErrorKind::invalid);
  EXPECT_KIND(reader.feed({TimelineId{1}, 3}, builder.segment(3), collect(seen)), ErrorKind::invalid);
  Bytes too_long(builder.settings().segment_size + 1);
  EXPECT_KIND(reader.feed(builder.name(4), too_long, collect(seen)), ErrorKind::invalid);
}

TEST(WalRecordReader, ReadsAPartialSegmentAsFarAsItGoes) {
  WalBuilder builder;
  for (int i = 0; i < 100; ++i) builder.fill(3000);
  Bytes content = builder.segment(3);
  size_t used = builder.position().value & 0xFFFFF;
  for (size_t size : {used, used - 8, used - 4000, size_t{8192}, size_t{8191}, size_t{39}, size_t{0}}) {
    WalRecordReader reader = reader_of(builder);
    std::vector<Seen> seen;
    ASSERT_OK(reader.feed(builder.name(3), ByteView(content).first(size), collect(seen)));
    for (const Seen& record : seen) EXPECT_LE(record.end.value - (3u << 20), (size + 7) / 8 * 8);
    EXPECT_EQ(reader.records() == 100, size == used) << size;
  }
}

// Records before the flip are untouched by it; nothing that was not written is ever shown.
TEST(WalRecordReader, AFlippedBitEndsWalWhereItIs) {
  WalBuilder builder;
  for (int i = 0; i < 40; ++i) builder.fill(static_cast<size_t>(200 + i * 37));
  Bytes content = builder.segment(3);
  WalRecordReader whole = reader_of(builder);
  std::vector<Seen> expected;
  ASSERT_OK(whole.feed(builder.name(3), content, collect(expected)));
  ASSERT_EQ(expected.size(), 40u);
  size_t used = builder.position().value & 0xFFFFF;
  std::mt19937 random(7);
  size_t unnoticed = 0;
  for (int round = 0; round < 4000; ++round) {
    size_t offset = random() % used;
    auto mask = static_cast<std::byte>(1u << (random() % 8));
    content[offset] ^= mask;
    WalRecordReader reader = reader_of(builder);
    std::vector<Seen> seen;
    ASSERT_OK(reader.feed(builder.name(3), content, collect(seen)));
    ASSERT_LE(seen.size(), expected.size());
    for (size_t i = 0; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i].start, expected[i].start);
      EXPECT_EQ(seen[i].crc_of_bytes, expected[i].crc_of_bytes);
    }
    // Alignment padding, reserved bytes of headers, and flags that change nothing are not covered by any check.
    if (seen.size() == expected.size()) ++unnoticed;
    content[offset] ^= mask;
  }
  EXPECT_LT(unnoticed, 4000u / 50);
}

TEST(WalRecordReader, SurvivesGarbage) {
  WalBuilder builder;
  for (int i = 0; i < 300; ++i) builder.fill(static_cast<size_t>(i * 97 % 20000));
  Bytes original = builder.segment(3);
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    Bytes content = original;
    for (int i = 0; i < 20; ++i) {
      size_t at = random() % (content.size() - 64);
      uint32_t value = random() % 3 == 0 ? UINT32_MAX : static_cast<uint32_t>(random());
      std::memcpy(content.data() + at, &value, sizeof value);
    }
    content.resize(random() % 4 == 0 ? random() % content.size() : content.size());
    WalRecordReader reader = reader_of(builder);
    std::vector<Seen> seen;
    EXPECT_OK(reader.feed(builder.name(3), content, collect(seen)));
    for (const Seen& record : seen) EXPECT_LE(record.end.value, 4u << 20);
  }
}

TEST(WalRecordReader, PassesOnTheVisitorsError) {
  WalBuilder builder;
  builder.fill(10);
  builder.fill(10);
  WalRecordReader reader = reader_of(builder);
  int calls = 0;
  auto result = reader.feed(builder.name(3), builder.segment(3), [&](const WalRecord&) -> Result<void> {
    ++calls;
    return Error(ErrorKind::cancelled, "enough");
  });
  EXPECT_KIND(result, ErrorKind::cancelled);
  EXPECT_EQ(calls, 1);
}

TEST(WalRecordReader, SaysHowASegmentJoinsOnToItsNeighbours) {
  WalBuilder builder;
  std::vector<Lsn> starts;
  while (builder.position() < Lsn{7u << 20}) starts.push_back(builder.fill(starts.size() * 37 % 20011 + 1));
  std::optional<Lsn> last;
  for (uint64_t number = 3; number <= 6; ++number) {
    WalRecordReader reader = reader_of(builder);  // sees this segment alone
    std::vector<Seen> seen;
    ASSERT_OK(reader.feed(builder.name(number), builder.segment(number), collect(seen)));
    SegmentEdges edges = reader.edges();
    if (last) {
      EXPECT_EQ(edges.first_previous, last) << number;
    }
    auto begins_after = std::ranges::upper_bound(starts, Lsn{((number + 1) << 20) - 1});
    ASSERT_NE(begins_after, starts.begin());
    last = *std::prev(begins_after);
    EXPECT_EQ(edges.last_record, last) << number;
    EXPECT_EQ(edges.last_whole, seen.back().start) << number;
  }
}

TEST(WalRecordReader, JoinsTheSegmentBehindASwitchToTheSwitch) {
  WalBuilder builder;
  builder.fill(100);
  Lsn switched = builder.switch_segment();
  builder.fill(100);
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_EQ(reader.edges().last_record, switched);
  EXPECT_EQ(reader.edges().last_whole, switched);
  ASSERT_OK(reader.feed(builder.name(4), builder.segment(4), collect(seen)));
  EXPECT_EQ(reader.edges().first_previous, switched);
}

TEST(WalRecordReader, JoinsASegmentBehindACrashToTheLastWholeRecord) {
  WalBuilder builder;
  while (builder.position().value + 3000 < (4u << 20)) builder.fill(2000);
  Lsn whole = builder.last_record();
  builder.crash_in_record(20000);
  builder.append({.info = 0xD0, .main_data = std::string(16, '\0')});
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_GT(reader.edges().last_record, whole);
  EXPECT_EQ(reader.edges().last_whole, whole);
  ASSERT_OK(reader.feed(builder.name(4), builder.segment(4), collect(seen)));
  EXPECT_EQ(reader.edges().first_previous, whole);
}

TEST(WalRecordReader, ASegmentInsideOneRecordHasNoEdges) {
  WalBuilder builder;
  builder.fill(3u << 20);
  WalRecordReader reader = reader_of(builder);
  std::vector<Seen> seen;
  ASSERT_OK(reader.feed(builder.name(3), builder.segment(3), collect(seen)));
  EXPECT_TRUE(reader.edges().last_record);
  EXPECT_FALSE(reader.edges().last_whole);
  ASSERT_OK(reader.feed(builder.name(4), builder.segment(4), collect(seen)));
  EXPECT_EQ(reader.edges(), SegmentEdges{});
}

}  // namespace
}  // namespace spendsync::postgres
