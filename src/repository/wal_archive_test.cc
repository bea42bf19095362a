#include "repository/wal_archive.h"

#include <thread>

#include "repository/testing/sample_repository.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::repository {
namespace {

struct WalWorld : SampleWorld {
  WalWorld() : repository(open()), archive(*repository, {}) {}
  std::unique_ptr<Repository> repository;
  WalArchive archive;
  SegmentName segment(uint64_t number, uint32_t timeline = 1) { return {{timeline}, number}; }
};

WalSegmentSummary sample_summary(const Clock& clock) {
  WalSegmentSummary summary;
  summary.first_commit = CommitPoint{clock.now(), {0x100100}};
  summary.last_commit = CommitPoint{clock.now() + std::chrono::microseconds(123456), {0x1fff00}};
  summary.records = 4711;
  return summary;
}

TEST(WalArchive, ReturnsSegmentsAndWhatIsKnownOfThem) {
  WalWorld world;
  auto content = sample_segment(1, *world.repository);
  EXPECT_EQ(MUST(world.archive.put_segment(world.segment(1), content, sample_summary(world.clock))),
            PutOutcome::stored);
  auto reader = world.open_for_reading();
  WalArchive other(*reader, {});
  EXPECT_EQ(MUST(other.get_segment(world.segment(1))), content);
  auto meta = MUST(other.read_meta(world.segment(1)));
  EXPECT_EQ(meta.size, content.size());
  EXPECT_EQ(meta.summary.first_commit, sample_summary(world.clock).first_commit);
  EXPECT_EQ(meta.summary.last_commit, sample_summary(world.clock).last_commit);
  EXPECT_EQ(meta.summary.records, 4711u);
  EXPECT_EQ(meta.stored, world.clock.now());
  EXPECT_TRUE(MUST(other.exists(world.segment(1))));
}

TEST(WalArchive, KeepsAChangeMapBesideTheContent) {
  WalWorld world;
  auto content = sample_segment(1, *world.repository);
  auto summary = sample_summary(world.clock);
  summary.change_map = sample_segment(7, *world.repository);
  MUST(world.archive.put_segment(world.segment(1), content, summary));
  MUST(world.archive.put_segment(world.segment(2), content, sample_summary(world.clock)));
  auto reader = world.open_for_reading();
  WalArchive other(*reader, {});
  EXPECT_EQ(*MUST(other.read_change_map(world.segment(1))).map, summary.change_map);
  EXPECT_EQ(MUST(other.read_change_map(world.segment(2))).map, std::nullopt);
  EXPECT_KIND(other.read_change_map(world.segment(3)), ErrorKind::not_found);
  EXPECT_EQ(MUST(other.get_segment(world.segment(1))), content);
  EXPECT_EQ(MUST(other.put_segment(world.segment(1), content, {})), PutOutcome::already_identical);
}

TEST(WalArchive, NoticesEveryChangedByteOfAChangeMap) {
  WalWorld world;
  auto content = sample_segment(1, *world.repository);
  auto summary = sample_summary(world.clock);
  summary.change_map = Bytes(300, std::byte{7});
  MUST(world.archive.put_segment(world.segment(1), content, summary));
  auto key = world.repository->layout().segment(world.segment(1), world.identity.wal_segment_size);
  auto object = MUST(world.memory.get(key, 1u << 30));
  auto meta = MUST(world.archive.read_meta(world.segment(1)));
  ASSERT_GT(meta.map_size, 0u);
  for (auto at = meta.data_offset - meta.map_size; at < meta.data_offset; ++at) {
    auto changed = object;
    changed[at] ^= std::byte{1};
    world.memory.overwrite(key, changed);
    EXPECT_FALSE(world.archive.read_change_map(world.segment(1))) << at;
    EXPECT_FALSE(world.archive.get_segment(world.segment(1))) << at << ": verify reads all of the object";
  }
}

TEST(WalArchive, ReadsMetaWithOneSmallRange) {
  WalWorld world;
  Bytes zeros(world.identity.wal_segment_size);  // the object is hardly larger than its meta stream
  MUST(world.archive.put_segment(world.segment(1), zeros, sample_summary(world.clock)));
  storage::FaultyStore counting(world.memory, world.clock);
  world.store = &counting;
  auto reader = world.open_for_reading();
  WalArchive other(*reader, {});
  MUST(other.read_meta(world.segment(1)));  // opens the key
  counting.reset();
  MUST(other.read_meta(world.segment(1)));
  EXPECT_EQ(counting.calls(storage::StoreOperation::any), 1u);
  EXPECT_EQ(counting.calls(storage::StoreOperation::get_range), 1u);
}

TEST(WalArchive, TellsAnIdenticalDuplicateFromADifferentOne) {
  WalWorld world;
  auto content = sample_segment(1, *world.repository);
  MUST(world.archive.put_segment(world.segment(1), content, {}));
  auto before = MUST(world.memory.get(world.repository->layout().segment(world.segment(1), 1u << 20), 1u << 30));
  world.clock.advance(std::chrono::hours(2));  // other keys by now
  auto later = world.open();
  WalArchive other(*later, {});
  EXPECT_EQ(MUST(other.put_segment(world.segment(1), content, {})), PutOutcome::already_identical);
  auto changed = content;
  changed.back() ^= std::byte{1};
  auto conflict = other.put_segment(world.segment(1), changed, {});
  EXPECT_KIND(conflict, ErrorKind::conflict);
  auto stored_hmac = to_hex(MUST(other.read_meta(world.segment(1))).hmac);
  EXPECT_NE(conflict.error().message().find(stored_hmac), std::string::npos);
  EXPECT_EQ(MUST(world.memory.get(world.repository->layout().segment(world.segment(1), 1u << 20), 1u << 30)), before);
}

TEST(WalArchive, RefusesWhatIsNoWholeSegment) {
  WalWorld world;
  Bytes shorter(world.identity.wal_segment_size - 1);
  EXPECT_KIND(world.archive.put_segment(world.segment(1), shorter, {}), ErrorKind::invalid);
  EXPECT_KIND(world.archive.get_segment(world.segment(1)), ErrorKind::not_found);
  EXPECT_FALSE(MUST(world.archive.exists(world.segment(1))));
}

TEST(WalArchive, TwoDeliveriesAtOnceBothSucceed) {
  WalWorld world;
  for (uint64_t number = 1; number <= 10; ++number) {
    auto content = sample_segment(number, *world.repository);
    std::atomic<int> stored{0};
    std::atomic<int> identical{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          auto put = world.archive.put_segment(world.segment(number), content, {});
          if (put && *put == PutOutcome::stored) ++stored;
          if (put && *put == PutOutcome::already_identical) ++identical;
        });
      }
    }
    EXPECT_EQ(stored, 1);
    EXPECT_EQ(identical, 3);
  }
}

TEST(WalArchive, AnUnreachableStoreIsNeverNotFound) {
  WalWorld world;
  MUST(world.archive.put_segment(world.segment(1), sample_segment(1, *world.repository), {}));
  storage::FaultyStore faulty(world.memory, world.clock);
  world.store = &faulty;
  for (uint64_t nth = 1; nth <= 4; ++nth) {
    faulty.reset();
    auto reader = world.open_for_reading();
    WalArchive other(*reader, {});
    faulty.reset();
    storage::StoreFault fault;
    fault.nth = nth;
    faulty.add(fault);
    auto read = other.get_segment(world.segment(1));
    EXPECT_TRUE(read || read.error().is(ErrorKind::transient)) << nth;
    auto put = other.put_segment(world.segment(2), sample_segment(2, *world.repository), {});
    EXPECT_TRUE(put || put.error().is(ErrorKind::transient)) << nth;
  }
}

TEST(WalArchive, KeepsHistoryPartialAndBackupFilesUnderTheirNames) {
  WalWorld world;
  const std::string history = "1\t0/3000000\tno recovery target specified\n";
  EXPECT_EQ(MUST(world.archive.put_history({2}, history)), PutOutcome::stored);
  EXPECT_EQ(MUST(world.archive.put_history({2}, history)), PutOutcome::already_identical);
  EXPECT_KIND(world.archive.put_history({2}, "1\t0/4000000\tx\n"), ErrorKind::conflict);
  EXPECT_EQ(MUST(world.archive.get_history({2})), history);
  EXPECT_KIND(world.archive.get_history({3}), ErrorKind::not_found);

  auto partial = sample_content(5, 1u << 20);
  EXPECT_EQ(MUST(world.archive.put_file("000000010000000000000003.partial", partial)), PutOutcome::stored);
  EXPECT_EQ(MUST(world.archive.put_file("000000010000000000000003.partial", partial)), PutOutcome::already_identical);
  EXPECT_KIND(world.archive.put_file("000000010000000000000003.partial", as_bytes("other")), ErrorKind::conflict);
  EXPECT_EQ(MUST(world.archive.get_file("000000010000000000000003.partial")), partial);
  EXPECT_EQ(MUST(world.archive.put_file("000000010000000000000003.00000028.backup", as_bytes("START\n"))),
            PutOutcome::stored);
  EXPECT_EQ(as_text(MUST(world.archive.get_file("000000010000000000000003.00000028.backup"))), "START\n");
  EXPECT_KIND(world.archive.put_file("000000010000000000000003", partial), ErrorKind::invalid);
  EXPECT_KIND(world.archive.put_file("../x.partial", partial), ErrorKind::invalid);
}

TEST(WalArchive, PutsPartsTogetherAsFarAsTheyGoWithoutAGap) {
  WalWorld world;
  auto content = sample_segment(7, *world.repository);
  auto put = [&](uint32_t from, uint32_t to) {
    return world.archive.put_part(world.segment(7), {from, to}, ByteView(content).subspan(from, to - from), {});
  };
  EXPECT_TRUE(MUST(world.archive.assemble_parts(world.segment(7))).empty());
  EXPECT_EQ(MUST(put(0, 1000)), PutOutcome::stored);
  MUST(put(1000, 5000));
  MUST(put(3000, 9000));  // a receiver that began again
  MUST(put(20'000, 30'000));
  EXPECT_EQ(MUST(put(1000, 5000)), PutOutcome::already_identical);
  EXPECT_EQ(MUST(world.archive.list_parts(world.segment(7))).size(), 4u);
  auto assembled = MUST(world.archive.assemble_parts(world.segment(7)));
  EXPECT_EQ(assembled.size(), 9000u);
  EXPECT_TRUE(std::equal(assembled.begin(), assembled.end(), content.begin()));
  EXPECT_EQ(MUST(world.archive.get_part(world.segment(7), {20'000, 30'000})).size(), 10'000u);
  EXPECT_KIND(world.archive.put_part(world.segment(7), {5, 5}, {}, {}), ErrorKind::invalid);
  EXPECT_KIND(world.archive.put_part(world.segment(7), {0, 10}, as_bytes("short"), {}), ErrorKind::invalid);
}

TEST(WalArchive, ListsSegmentsAsGaplessRanges) {
  WalWorld world;
  for (uint64_t number : {3u, 4u, 5u, 7u, 8u, 0x1000u, 0x1001u}) {
    MUST(world.archive.put_segment(world.segment(number), sample_segment(number, *world.repository), {}));
  }
  MUST(world.archive.put_segment(world.segment(9, 2), sample_segment(9, *world.repository), {}));
  MUST(world.archive.put_history({2}, "x"));
  MUST(world.archive.put_history({0x1f}, "y"));
  MUST(world.archive.put_part(world.segment(6), {0, 5}, as_bytes("parts"), {}));
  MUST(world.archive.put_file(world.segment(6).file_name(1u << 20) + ".partial", as_bytes("p")));
  auto ranges = MUST(world.archive.segments({1}));
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0].first.number, 3u);
  EXPECT_EQ(ranges[0].last.number, 5u);
  EXPECT_EQ(ranges[1].first.number, 7u);
  EXPECT_EQ(ranges[2].last.number, 0x1001u);  // across the 4 GiB that a log file's digits count
  EXPECT_GT(ranges[0].stored_bytes, 0u);
  auto between = MUST(world.archive.segments_between(world.segment(4), world.segment(7)));
  ASSERT_EQ(between.size(), 2u);
  EXPECT_EQ(between[0].first.number, 4u);
  EXPECT_EQ(between[1].last.number, 7u);
  EXPECT_EQ(MUST(world.archive.timelines()), (std::vector<TimelineId>{{1}, {2}, {0x1f}}));
  EXPECT_EQ(MUST(world.archive.histories()), (std::vector<TimelineId>{{2}, {0x1f}}));
  EXPECT_TRUE(MUST(world.archive.segments({9})).empty());
}

TEST(WalArchive, ASegmentInAnothersPlaceOpensNothing) {
  WalWorld world;
  MUST(world.archive.put_segment(world.segment(1), sample_segment(1, *world.repository), {}));
  MUST(world.archive.put_segment(world.segment(2), sample_segment(2, *world.repository), {}));
  const auto& layout = world.repository->layout();
  auto first = MUST(world.memory.get(layout.segment(world.segment(1), 1u << 20), 1u << 30));
  world.memory.overwrite(layout.segment(world.segment(2), 1u << 20), first);
  EXPECT_KIND(world.archive.get_segment(world.segment(2)), ErrorKind::corrupt);
  EXPECT_KIND(world.archive.read_meta(world.segment(2)), ErrorKind::corrupt);
  EXPECT_KIND(world.archive.put_segment(world.segment(2), sample_segment(2, *world.repository), {}),
              ErrorKind::corrupt);
}

}  // namespace
}  // namespace spendsync::repository
