#include "restore/new_tablespaces.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "postgres/wal/change_map.h"
#include "restore/plan.h"
#include "restore/planned_wal.h"
#include "wal/testing/test_wal.h"

namespace spendsync::restore {
namespace {

using postgres::RecoveryTarget;
using postgres::WalBuilder;
using wal::SmallWal;

constexpr uint32_t kSize = SmallWal::kSegmentSize;

/// WAL from segment 3 on, replayed from its first record.
class NewTablespaces : public ::testing::Test {
 protected:
  NewTablespaces() { start_ = builder_.fill(100); }

  Lsn create_tablespace(const std::string& location = "/mnt/fast") {
    return builder_.append({.resource_manager = postgres::kTablespaceResource,
                            .main_data = WalBuilder::integer(uint32_t{16500}) + location + std::string(1, '\0')});
  }
  void fill_segments(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) builder_.fill_segment();
  }
  /// Each with its change map, as a log backup stores it, or none of them.
  void store(bool with_maps) {
    postgres::WalRecordReader reader({.segment_size = kSize, .major_version = 15});
    postgres::ChangeMapper mapper({kSize, 15});
    last_ = builder_.position().value / kSize - 1;
    for (auto number = builder_.first_segment(); number <= last_; ++number) {
      auto content = builder_.segment(number);
      mapper.begin(builder_.name(number), content, reader.next_record());
      MUST(reader.feed(builder_.name(number), content, [&](const postgres::WalRecord& record) -> Result<void> {
        mapper.add(record);
        return {};
      }));
      repository::WalSegmentSummary summary;
      if (with_maps) summary.change_map = mapper.finish(reader.next_record());
      summary.edges = reader.edges();
      wal_->put(builder_.name(number), content, summary);
    }
  }
  RestorePlan plan(RecoveryTarget::Kind kind, Lsn until) const {
    repository::ManifestSummary backup;
    backup.major_version = 15;
    backup.start = {TimelineId{1}, start_};
    ResolvedTarget target(backup);
    target.recovery.kind = kind;
    target.recovery.lsn = until;
    target.needed_until = until;
    RestorePlan plan(std::move(target));
    plan.wal.segment_size = kSize;
    plan.wal.runs = {{{TimelineId{1}, builder_.first_segment()}, {TimelineId{1}, last_}}};
    return plan;
  }
  std::vector<NewTablespace> find(RecoveryTarget::Kind kind, Lsn until = {}) {
    return MUST(find_new_tablespaces(*wal_->archive, plan(kind, until), {}));
  }

  std::optional<SmallWal> wal_{std::in_place};
  WalBuilder builder_ = SmallWal::builder();
  Lsn start_;
  uint64_t last_ = 0;
};

TEST_F(NewTablespaces, AreFoundWithAndWithoutChangeMaps) {
  for (bool with_maps : {true, false}) {
    SCOPED_TRACE(with_maps);
    wal_.emplace();
    builder_ = SmallWal::builder();
    start_ = builder_.fill(100);
    fill_segments(3);
    auto position = create_tablespace();
    auto time = MUST(parse_rfc3339("2026-03-01T10:00:00Z"));
    builder_.commit(700, time);
    fill_segments(3);
    store(with_maps);
    auto found = find(RecoveryTarget::Kind::end_of_wal);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].oid, 16500u);
    EXPECT_EQ(found[0].location, "/mnt/fast");
    EXPECT_EQ(found[0].position, position);
    EXPECT_EQ(found[0].made, time);
    EXPECT_TRUE(find(RecoveryTarget::Kind::time, position).empty()) << "what is stopped at is not replayed";
    EXPECT_EQ(find(RecoveryTarget::Kind::time, builder_.position()).size(), 1u);
  }
}

TEST_F(NewTablespaces, ARecordAcrossTheBorderOfTwoSegmentsIsFound) {
  for (bool with_maps : {true, false}) {
    SCOPED_TRACE(with_maps);
    wal_.emplace();
    builder_ = SmallWal::builder();
    start_ = builder_.fill(100);
    const uint64_t border = (builder_.first_segment() + 1) * kSize;
    while (border - builder_.position().value > 200) {
      builder_.fill(std::min<uint64_t>(2000, std::max<uint64_t>(border - builder_.position().value - 200, 32)));
    }
    auto position = create_tablespace("/mnt/" + std::string(240, 'x'));
    ASSERT_LT(position.value, border);
    ASSERT_GT(builder_.position().value, border);
    fill_segments(2);
    store(with_maps);
    EXPECT_EQ(find(RecoveryTarget::Kind::end_of_wal).size(), 1u);
  }
}

TEST_F(NewTablespaces, WhatLiesBeforeTheBackupOrInTheDataDirectoryIsNone) {
  create_tablespace();
  start_ = builder_.fill(100);
  create_tablespace("");
  builder_.append({.resource_manager = postgres::kTablespaceResource,
                   .info = 0x10,
                   .main_data = WalBuilder::integer(uint32_t{16500})});
  fill_segments(2);
  store(true);
  EXPECT_TRUE(find(RecoveryTarget::Kind::end_of_wal).empty());
}

TEST_F(NewTablespaces, SegmentsWhoseMapsNameNoneAreNotRead) {
  fill_segments(1);
  create_tablespace();
  fill_segments(2);
  last_ = builder_.position().value / kSize - 1;
  for (auto number = builder_.first_segment(); number <= last_; ++number) {
    auto name = builder_.name(number);
    postgres::ChangeMap map{name.start(kSize), name.end(kSize), {}};  // which hides it
    repository::WalSegmentSummary summary;
    summary.change_map = map.encode();
    wal_->put(name, builder_.segment(number), summary);
  }
  EXPECT_TRUE(find(RecoveryTarget::Kind::end_of_wal).empty());
}

TEST_F(NewTablespaces, APositionStopsAfterTheFirstRecordThatBeginsThere) {
  builder_.fill(100);
  auto before = builder_.fill(100);
  auto position = create_tablespace();
  fill_segments(1);
  store(false);
  EXPECT_TRUE(find(RecoveryTarget::Kind::lsn, before).empty());
  EXPECT_EQ(find(RecoveryTarget::Kind::lsn, Lsn{before.value + 8}).size(), 1u);
  EXPECT_EQ(find(RecoveryTarget::Kind::lsn, position).size(), 1u);
  auto exclusive = plan(RecoveryTarget::Kind::lsn, position);
  exclusive.target.recovery.inclusive = false;
  EXPECT_TRUE(MUST(find_new_tablespaces(*wal_->archive, exclusive, {})).empty());
}

TEST_F(NewTablespaces, WalThatCannotBeReadIsAnErrorAndNoProof) {
  fill_segments(3);
  store(false);
  auto longer = plan(RecoveryTarget::Kind::end_of_wal, {});
  ++longer.wal.runs.front().last.number;
  auto found = find_new_tablespaces(*wal_->archive, longer, {});
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message(), ::testing::HasSubstr("new tablespaces"));
}

}  // namespace
}  // namespace spendsync::restore
