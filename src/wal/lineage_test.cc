#include "wal/lineage.h"

#include "base/condition.h"
#include "wal/testing/test_wal.h"

namespace spendsync::wal {
namespace {

constexpr uint32_t kSize = SmallWal::kSegmentSize;

/// A server's pg_wal beside a repository.
class WalLineageTest : public ::testing::Test {
 protected:
  void write_local(postgres::WalBuilder& builder, uint64_t number, const std::string& name = "") {
    auto path = directory_.path() + "/" + (name.empty() ? builder.name(number).file_name(kSize) : name);
    EXPECT_OK(replace_file(path, builder.segment(number), 0600));
  }
  void store(postgres::WalBuilder& builder, uint64_t number) {
    wal_.put(builder.name(number), builder.segment(number));
  }
  static postgres::WalBuilder written_up_to(uint64_t segment, size_t record_size) {
    auto builder = SmallWal::builder();
    while (builder.position().value < segment * kSize) builder.fill(record_size);
    return builder;
  }
  Result<void> compare(uint64_t from_segment, uint64_t until_segment) {
    return lineage_.compare(TimelineId{1}, Lsn{from_segment * kSize}, Lsn{until_segment * kSize + 100}, {});
  }

  SmallWal wal_;
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "wal-lineage-test"));
  WalLineage lineage_{{directory_.path(), kSize, 15, repository::SampleWorld::kSystem}, *wal_.archive};
};

TEST_F(WalLineageTest, AServersOwnWalIsTheSame) {
  auto builder = written_up_to(7, 2000);
  for (uint64_t number = 3; number < 7; ++number) {
    write_local(builder, number);
    store(builder, number);
  }
  EXPECT_OK(compare(3, 7));
  EXPECT_EQ(lineage_.compared(), 4u);
}

TEST_F(WalLineageTest, NamesTheFirstSegmentThatDiffers) {
  auto archived = written_up_to(7, 2000);
  auto own = written_up_to(7, 1900);
  store(archived, 3);
  write_local(archived, 3);
  for (uint64_t number = 4; number < 7; ++number) {
    store(archived, number);
    write_local(own, number);
  }
  auto different = compare(3, 7);
  EXPECT_KIND(different, ErrorKind::conflict);
  EXPECT_EQ(different.error().condition(), Condition::wal_diverged);
  EXPECT_NE(different.error().message().find("000000010000000000000004"), std::string::npos)
      << different.error().message();
}

TEST_F(WalLineageTest, ComparesTheNewestAlsoWhereNothingIsAskedFor) {
  auto archived = written_up_to(7, 2000);
  auto own = written_up_to(7, 1900);
  store(archived, 6);
  write_local(own, 6);
  EXPECT_KIND(compare(7, 7), ErrorKind::conflict);
}

TEST_F(WalLineageTest, FilesThatWereRecycledOrCarryFutureNamesSayNothing) {
  auto archived = written_up_to(7, 2000);
  for (uint64_t number = 3; number < 7; ++number) store(archived, number);
  write_local(archived, 3, archived.name(5).file_name(kSize));  // renamed, not yet written anew
  write_local(archived, 4, archived.name(6).file_name(kSize));  // beyond what the server has written
  EXPECT_OK(compare(3, 6));
  EXPECT_EQ(lineage_.compared(), 0u);
}

TEST_F(WalLineageTest, WithoutASightOfThePgWalNothingIsCompared) {
  auto archived = written_up_to(4, 2000);
  store(archived, 3);
  WalLineage elsewhere({"/nonexistent/pg_wal", kSize, 15, repository::SampleWorld::kSystem}, *wal_.archive);
  EXPECT_OK(elsewhere.compare(TimelineId{1}, Lsn{3 * kSize}, Lsn{4 * kSize}, {}));
  EXPECT_EQ(elsewhere.compared(), 0u);
}

TEST_F(WalLineageTest, WhatFollowsAWalSwitchMayDiffer) {
  auto builder = SmallWal::builder();
  builder.fill(1000);
  Lsn switched = builder.switch_segment();
  Bytes stored = builder.segment(3);
  wal_.put(builder.name(3), stored);
  Bytes own = stored;
  own[kSize - 1] = std::byte{1};
  EXPECT_OK(replace_file(directory_.path() + "/" + builder.name(3).file_name(kSize), own, 0600));
  EXPECT_OK(compare(3, 4));
  EXPECT_EQ(lineage_.compared(), 1u);
  own[switched.value % kSize + 4] ^= std::byte{1};  // in the switch itself
  EXPECT_OK(replace_file(directory_.path() + "/" + builder.name(3).file_name(kSize), own, 0600));
  EXPECT_KIND(compare(3, 4), ErrorKind::conflict);
}

}  // namespace
}  // namespace spendsync::wal
