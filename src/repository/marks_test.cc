#include "repository/marks.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

SegmentRun run_of(uint64_t first, uint64_t last) { return {{TimelineId{1}, first}, {TimelineId{1}, last}}; }

TEST(WalTombstones, NameTheSegmentsThatExpiryRemoved) {
  SampleWorld world;
  auto repository = world.open();
  EXPECT_TRUE(MUST(read_wal_tombstones(*repository, {})).empty());
  MUST(put_wal_tombstone(*repository, run_of(3, 5), "nothing needs it"));
  MUST(put_wal_tombstone(*repository, run_of(0x105, 0x105), "nothing needs it"));
  MUST(put_tombstone(*repository, repository->layout().identity(), "of something else"));
  EXPECT_EQ(MUST(read_wal_tombstones(*repository, {})), (std::vector{run_of(3, 5), run_of(0x105, 0x105)}));
}

TEST(WalTombstones, OneThatDoesNotOpenProvesNothing) {
  SampleWorld world;
  auto repository = world.open();
  MUST(put_wal_tombstone(*repository, run_of(3, 5), "nothing needs it"));
  MUST(put_wal_tombstone(*repository, run_of(7, 8), "nothing needs it"));
  const auto size = repository->identity().wal_segment_size;
  const auto key = repository->layout().wal_tombstone({TimelineId{1}, 3}, {TimelineId{1}, 5}, size);
  auto bytes = MUST(world.memory.get(key, 1u << 20));
  bytes.back() ^= std::byte{1};
  world.memory.overwrite(key, bytes);
  EXPECT_EQ(MUST(read_wal_tombstones(*repository, {})), std::vector{run_of(7, 8)});
}

}  // namespace
}  // namespace spendsync::repository
