#include "wal/push.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <numeric>
#include <random>

#include "base/condition.h"
#include "postgres/wal/change_map.h"
#include "postgres/wal/segment_check.h"
#include "wal/changes/changed_since.h"
#include "wal/testing/test_wal.h"

namespace spendsync::wal {
namespace {

constexpr uint32_t kSize = SmallWal::kSegmentSize;

class WalPush : public ::testing::Test {
 protected:
  std::string write(const std::string& name, ByteView content) {
    std::string path = directory_.path() + "/" + name;
    EXPECT_OK(replace_file(path, content, 0600));
    return path;
  }
  Result<PushOutcome> push(const std::string& name) {
    return push_wal_file(*wal_.archive, wal_.world.identity, {directory_.path() + "/" + name, {}, false});
  }
  Result<PushOutcome> push(const std::string& name, ByteView content) {
    write(name, content);
    return push(name);
  }
  std::string file_name(SegmentName name) { return name.file_name(kSize); }
  uint64_t stored_objects() {
    uint64_t count = 0;
    EXPECT_OK(wal_.world.memory.list(wal_.repository->layout().wal_prefix(), "",
                                     [&](const storage::ObjectInfo&) -> Result<void> {
                                       ++count;
                                       return {};
                                     }));
    return count;
  }

  SmallWal wal_;
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "wal-push-test"));
};

TEST_F(WalPush, StoresASegmentWithItsCommits) {
  auto builder = SmallWal::builder();
  Timestamp time(std::chrono::hours(480000));
  builder.commit(7, time);
  Lsn end = builder.position();
  builder.fill_segment();
  Bytes content = builder.segment(3);
  PushOutcome outcome = MUST(push("000000010000000000000003", content));
  EXPECT_EQ(outcome.kind, WalFileKind::segment);
  EXPECT_EQ(outcome.outcome, repository::PutOutcome::stored);
  EXPECT_EQ(outcome.bytes, kSize);
  EXPECT_EQ(MUST(wal_.archive->get_segment({TimelineId{1}, 3})), content);
  auto meta = MUST(wal_.archive->read_meta({TimelineId{1}, 3}));
  EXPECT_GT(meta.summary.records, 100u);
  EXPECT_EQ(*meta.summary.last_commit, (repository::CommitPoint{time, end}));
}

TEST_F(WalPush, AnIdenticalDuplicateIsSuccessADifferentOneAConflict) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  ASSERT_OK(push("000000010000000000000003", builder.segment(3)));
  EXPECT_EQ(MUST(push("000000010000000000000003")).outcome, repository::PutOutcome::already_identical);
  auto other = SmallWal::builder();
  other.fill(4711);
  other.fill_segment();
  auto conflict = push("000000010000000000000003", other.segment(3));
  EXPECT_KIND(conflict, ErrorKind::conflict);
  EXPECT_EQ(MUST(wal_.archive->get_segment({TimelineId{1}, 3})), builder.segment(3));
  EXPECT_GE(push_exit_code(conflict.error()), 1);
  EXPECT_LE(push_exit_code(conflict.error()), 125);
}

TEST_F(WalPush, ASegmentThatDoesNotGoOnWhereTheStoredOneEndsIsAConflict) {
  auto left = SmallWal::builder();
  left.fill_segment();
  ASSERT_OK(push("000000010000000000000003", left.segment(3)));
  auto other = SmallWal::builder();  // the same server after it was put back, with other records
  other.fill(4711);
  while (other.position() < Lsn{5u << 20}) other.fill(1234);
  auto conflict = push("000000010000000000000004", other.segment(4));
  EXPECT_KIND(conflict, ErrorKind::conflict);
  EXPECT_EQ(conflict.error().condition(), Condition::wal_diverged);
  EXPECT_FALSE(MUST(wal_.archive->exists({TimelineId{1}, 4})));
  left.fill_segment();
  ASSERT_OK(push("000000010000000000000004", left.segment(4)));
}

constexpr postgres::RelationPlace kTable{1663, 5, 16384};

/// A record that changes one block of kTable and has `size` bytes of data.
postgres::WalBuilder::Record change(uint32_t block, size_t size) {
  using Builder = postgres::WalBuilder;
  return {.resource_manager = 10,
          .headers = std::string(4, '\0') + Builder::integer(kTable.tablespace) + Builder::integer(kTable.database) +
                     Builder::integer(kTable.relation) + Builder::integer(block),
          .main_data = std::string(size, 'm')};
}

class WalPushWithMaps : public WalPush {
 protected:
  /// Three segments; the records that cross from one to the next change blocks 1000 and 1001.
  WalPushWithMaps() {
    uint32_t block = 0;
    for (uint64_t number : {3u, 4u, 5u}) {
      auto end = (number + 1) * uint64_t{kSize};
      while (builder_.position().value < end - 40000) builder_.append(change(block++, 8000));
      if (number == 5) break;
      builder_.append(change(static_cast<uint32_t>(1000 + number - 3), 60000));
      EXPECT_GT(builder_.position().value, end);
    }
    blocks_ = block;
    end_ = builder_.position();
    builder_.fill_segment();
  }
  Result<PushOutcome> push_with_map(uint64_t number) {
    auto path = write(file_name({TimelineId{1}, number}), builder_.segment(number));
    return push_wal_file(*wal_.archive, wal_.world.identity, {path, {}, true});
  }
  void expect_told(const ChangesFound& found) const {
    ASSERT_TRUE(found.changes) << found.why_not;
    auto told = found.changes->blocks(kTable);
    std::vector<uint32_t> expected(blocks_);
    std::iota(expected.begin(), expected.end(), 0u);
    expected.push_back(1000);
    expected.push_back(1001);
    EXPECT_EQ(std::vector<uint32_t>(told.begin(), told.end()), expected);
  }
  ChangesFound find(const ChangesRequest& request) { return MUST(find_changes(*wal_.archive, request, {})); }
  ChangesRequest request(const std::string& wal_directory) const {
    return {.from = {TimelineId{1}, {3 * uint64_t{kSize} + 40}},
            .full_stop = {3 * uint64_t{kSize} + 80},
            .until = end_,
            .segment_size = kSize,
            .major_version = wal_.world.identity.major_version,
            .system_identifier = wal_.world.identity.system_identifier,
            .wal_directory = wal_directory,
            .local_bytes_max = 10 * uint64_t{kSize}};
  }

  postgres::WalBuilder builder_ = SmallWal::builder();
  uint32_t blocks_ = 0;
  Lsn end_;
};

TEST_F(WalPushWithMaps, TheMapsOfConsecutiveSegmentsLeaveNothingOut) {
  for (uint64_t number : {3u, 4u, 5u}) ASSERT_OK(push_with_map(number));
  EXPECT_TRUE(MUST(wal_.archive->read_change_map({TimelineId{1}, 4})).map);
  EXPECT_EQ(MUST(wal_.archive->get_segment({TimelineId{1}, 4})), builder_.segment(4));
  auto found = find(request(directory_.path()));
  expect_told(found);
  EXPECT_EQ(found.maps, 2u);
  EXPECT_EQ(found.segments_read, 2u) << "the last one is not complete yet, and its first record began before it";
}

TEST_F(WalPushWithMaps, AMapThatBeginsTooLateIsMadeUpForFromTheSegmentsThemselves) {
  ASSERT_OK(push_with_map(3));
  MUST(remove_tree(directory_.path() + "/" + file_name({TimelineId{1}, 3})));
  ASSERT_OK(push_with_map(4));  // cannot see where its first record began
  auto map = MUST(postgres::ChangeMap::decode(*MUST(wal_.archive->read_change_map({TimelineId{1}, 4})).map));
  EXPECT_GT(map.from, (SegmentName{TimelineId{1}, 4}.start(kSize)));
  ASSERT_OK(push_with_map(5));
  auto found = find(request("/nonexistent"));
  expect_told(found);
  auto limited = request("/nonexistent");
  limited.archived_max = 1;
  auto refused = find(limited);
  EXPECT_FALSE(refused.changes);
  EXPECT_THAT(refused.why_not, ::testing::HasSubstr("more than 1 segments have no change map"));
}

TEST_F(WalPushWithMaps, WithoutMapsTheSegmentsAreRead) {
  for (uint64_t number : {3u, 4u, 5u}) ASSERT_OK(push(file_name({TimelineId{1}, number}), builder_.segment(number)));
  EXPECT_FALSE(MUST(wal_.archive->read_change_map({TimelineId{1}, 3})).map);
  expect_told(find(request(directory_.path())));
  expect_told(find(request("/nonexistent")));
}

TEST_F(WalPushWithMaps, MoreBlocksThanMayBeRememberedTellNothing) {
  for (uint64_t number : {3u, 4u, 5u}) ASSERT_OK(push_with_map(number));
  auto wanted = request(directory_.path());
  wanted.blocks_max = 100;
  auto found = find(wanted);
  EXPECT_FALSE(found.changes);
  EXPECT_EQ(found.why_not, "more than 100 blocks have changed");
}

TEST_F(WalPushWithMaps, AGapTellsNothing) {
  ASSERT_OK(push_with_map(3));
  ASSERT_OK(push_with_map(5));
  auto found = find(request("/nonexistent"));
  EXPECT_FALSE(found.changes);
  EXPECT_THAT(found.why_not, ::testing::HasSubstr("000000010000000000000004"));
}

TEST_F(WalPushWithMaps, MinimalLevelTellsNothing) {
  auto builder = SmallWal::builder();
  builder.append({.info = 0x60, .main_data = std::string(24, '\0')});
  builder.fill_segment();
  Lsn end = builder.position();
  builder.fill_segment();
  for (uint64_t number : {3u, 4u}) write(file_name({TimelineId{1}, number}), builder.segment(number));
  ASSERT_OK(push_wal_file(*wal_.archive, wal_.world.identity,
                          {directory_.path() + "/" + file_name({TimelineId{1}, 3}), {}, true}));
  auto wanted = request(directory_.path());
  wanted.until = end;
  auto found = find(wanted);
  EXPECT_FALSE(found.changes);
  EXPECT_THAT(found.why_not, ::testing::HasSubstr("wal_level was minimal"));
}

TEST(RelationOf, KnowsTheFilesOfMainForks) {
  using postgres::RelationPlace;
  EXPECT_EQ(relation_of("base/5/16384"), (RelationPlace{1663, 5, 16384}));
  EXPECT_EQ(relation_of("base/5/16384.12"), (RelationPlace{1663, 5, 16384}));
  EXPECT_EQ(relation_of("global/1260"), (RelationPlace{1664, 0, 1260}));
  EXPECT_EQ(relation_of("pg_tblspc/20000/PG_15_202209061/7/30000.1"), (RelationPlace{20000, 7, 30000}));
  for (const char* path : {"base/5/16384_vm", "base/5/PG_VERSION", "base/5", "global/pg_control", "pg_xact/0000",
                           "pg_tblspc/20000", "base/5/16384.", "base/5/99999999999", "based/5/1"}) {
    EXPECT_FALSE(relation_of(path)) << path;
  }
}

TEST_F(WalPush, TheNameMayBeGivenBesideThePath) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  std::string path = write("some-other-name", builder.segment(3));
  EXPECT_OK(push_wal_file(*wal_.archive, wal_.world.identity, {path, "000000010000000000000003"}));
  EXPECT_TRUE(MUST(wal_.archive->exists({TimelineId{1}, 3})));
}

TEST_F(WalPush, RefusesWhatIsNotThisClustersSegment) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  Bytes content = builder.segment(3);
  EXPECT_KIND(push("000000010000000000000004", content), ErrorKind::refused);  // place
  wal_.world.identity.system_identifier = SystemIdentifier{1};
  EXPECT_KIND(push("000000010000000000000003", content), ErrorKind::refused);
  wal_.world.identity.system_identifier = repository::SampleWorld::kSystem;
  wal_.world.identity.major_version = 14;
  EXPECT_KIND(push("000000010000000000000003", content), ErrorKind::refused);
  wal_.world.identity.major_version = 15;
  EXPECT_KIND(push("000000010000000000000003", ByteView(content).first(kSize - 1)), ErrorKind::corrupt);
  content.push_back(std::byte{0});
  EXPECT_KIND(push("000000010000000000000003", content), ErrorKind::corrupt);
  EXPECT_KIND(push("000000010000000000000009"), ErrorKind::not_found);  // no such file
  EXPECT_EQ(stored_objects(), 0u);
}

TEST_F(WalPush, RefusesNamesThatPostgresqlDoesNotArchive) {
  for (const char* name : {"passwd", "00000001000000000000000", "00000001000000000000000g", "0000000A.history.tmp",
                           "000000010000000000000003.ready", "000000010000000000001FFF"}) {
    EXPECT_KIND(push(name, as_bytes("x")), ErrorKind::invalid);
  }
  EXPECT_EQ(stored_objects(), 0u);
}

// Damage is found wherever it is, but for the alignment bytes between records, which carry nothing.
TEST_F(WalPush, RefusesASegmentWithAFlippedBit) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  Bytes content = builder.segment(3);
  std::mt19937 random(5);
  int refused = 0;
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    size_t offset = random() % content.size();
    content[offset] ^= std::byte{16};
    auto result = push("000000010000000000000003", content);
    if (result) {
      // A bit that no check covers: the object must go, so that the next round can tell.
      ASSERT_OK(wal_.repository->store().remove(wal_.repository->layout().segment({TimelineId{1}, 3}, kSize)));
    } else {
      ++refused;
      EXPECT_TRUE(result.error().is(ErrorKind::corrupt) || result.error().is(ErrorKind::refused));
    }
    content[offset] ^= std::byte{16};
  }
  EXPECT_GE(refused, kRounds - 3);
  EXPECT_EQ(stored_objects(), 0u);
}

TEST_F(WalPush, RefusesASegmentThatWasNotFinished) {
  auto builder = SmallWal::builder();
  builder.fill(200000);
  auto result = push("000000010000000000000003", builder.segment(3));  // zeros without a switch
  EXPECT_KIND(result, ErrorKind::corrupt);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr(builder.position().to_string()));
}

TEST_F(WalPush, SaysOfTheSegmentThatTheServerWritesThatItIsNotFinished) {
  using ::testing::HasSubstr;
  using ::testing::Not;
  ASSERT_EQ(::mkdir((directory_.path() + "/archive_status").c_str(), 0700), 0);
  auto builder = SmallWal::builder();
  builder.fill(200000);
  const auto begun = builder.segment(3);
  const auto unfinished = push("000000010000000000000003", begun);
  EXPECT_KIND(unfinished, ErrorKind::refused);
  EXPECT_THAT(unfinished.error().message(), HasSubstr("is not finished"));
  EXPECT_THAT(unfinished.error().hint(), HasSubstr("pg_switch_wal"));
  EXPECT_THAT(unfinished.error().hint(), Not(HasSubstr("disk")));
  // The file of an old segment, renamed to be written next.
  write("000000010000000000000004", begun);
  EXPECT_KIND(push("000000010000000000000003"), ErrorKind::refused);
  // Finished, so what does not hold together is damage: the server says so, or writes the next one already.
  write("archive_status/000000010000000000000003.ready", {});
  EXPECT_KIND(push("000000010000000000000003"), ErrorKind::corrupt);
  ASSERT_EQ(::unlink((directory_.path() + "/archive_status/000000010000000000000003.ready").c_str()), 0);
  builder.fill_segment();
  builder.fill(1000);
  write("000000010000000000000004", builder.segment(4));
  EXPECT_KIND(push("000000010000000000000003"), ErrorKind::corrupt);
  EXPECT_EQ(stored_objects(), 0u);
}

TEST_F(WalPush, AcceptsASwitchedSegment) {
  auto builder = SmallWal::builder();
  builder.fill(200000);
  builder.switch_segment();
  EXPECT_OK(push("000000010000000000000003", builder.segment(3)));
}

TEST_F(WalPush, AcceptsARecordThatFillsTheWholeSegment) {
  auto builder = SmallWal::builder();
  builder.fill(3 * kSize);
  EXPECT_OK(push("000000010000000000000004", builder.segment(4)));
}

TEST_F(WalPush, StoresPartialAndBackupFilesUnderTheirOwnNames) {
  auto builder = SmallWal::builder();
  builder.fill(200000);
  Bytes content = builder.segment(3);
  std::fill(content.begin() + 300000, content.end(), std::byte{0x5A});  // what a recycled segment leaves
  EXPECT_EQ(MUST(push("000000010000000000000003.partial", content)).kind, WalFileKind::partial);
  EXPECT_EQ(MUST(wal_.archive->get_file("000000010000000000000003.partial")), content);
  EXPECT_FALSE(MUST(wal_.archive->exists({TimelineId{1}, 3})));

  std::string text = "START WAL LOCATION: 0/300028 (file 000000010000000000000003)\nSTOP WAL LOCATION: 0/300100\n";
  EXPECT_EQ(MUST(push("000000010000000000000003.00000028.backup", as_bytes(text))).kind, WalFileKind::backup_history);
  EXPECT_EQ(as_text(MUST(wal_.archive->get_file("000000010000000000000003.00000028.backup"))), text);
  EXPECT_KIND(push("000000010000000000000004.00000028.backup", as_bytes(text)), ErrorKind::corrupt);
}

constexpr const char* kHistory2 = "1\t0/580000\tno recovery target specified\n";

TEST_F(WalPush, ATimelineNeedsItsHistory) {
  auto builder = SmallWal::builder(5);
  builder.fill(100000);
  builder.set_timeline(TimelineId{2});
  builder.fill_segment();
  Bytes content = builder.segment(5);
  auto unknown = push("000000020000000000000005", content);
  EXPECT_KIND(unknown, ErrorKind::refused);
  EXPECT_THAT(unknown.error().message(), ::testing::HasSubstr("00000002.history"));
  ASSERT_OK(push("00000002.history", as_bytes(kHistory2)));
  EXPECT_EQ(MUST(wal_.archive->get_history(TimelineId{2})), kHistory2);
  EXPECT_OK(push("000000020000000000000005"));
}

TEST_F(WalPush, TakesTheHistoryBesideTheSegment) {
  auto builder = SmallWal::builder(5);
  builder.set_timeline(TimelineId{2});
  builder.fill_segment();
  write("00000002.history", as_bytes(kHistory2));
  ASSERT_OK(push("000000020000000000000005", builder.segment(5)));
  EXPECT_EQ(MUST(wal_.archive->get_history(TimelineId{2})), kHistory2);
}

TEST_F(WalPush, RefusesATimelineThatLeavesArchivedWalBehind) {
  wal_.put_any(TimelineId{1}, 3, 4);
  ASSERT_OK(
      push("00000003.history", as_bytes("1\t0/500000\tend of WAL\n")));  // the next segment: nothing is left behind
  wal_.put_any(TimelineId{1}, 5, 6);
  auto restored_copy = push("00000002.history", as_bytes(kHistory2));
  EXPECT_KIND(restored_copy, ErrorKind::refused);
  EXPECT_THAT(restored_copy.error().message(), ::testing::HasSubstr("000000010000000000000006"));
  EXPECT_THAT(restored_copy.error().hint(), ::testing::HasSubstr("archive_mode"));
  EXPECT_KIND(wal_.archive->get_history(TimelineId{2}), ErrorKind::not_found);
  // Accepted elsewhere: from then on its files are welcome, the history again included.
  ASSERT_OK(wal_.archive->put_history(TimelineId{2}, kHistory2));
  EXPECT_EQ(MUST(push("00000002.history")).outcome, repository::PutOutcome::already_identical);
}

/// Timeline 3 was meant to follow 2, and forked off before 2 began: its switch points do not ascend.
constexpr const char* kForkedBeforeItsParentBegan = "1\t0/680000\tx\n2\t0/480000\tat restore point\n";

TEST_F(WalPush, TakesAHistoryThatForkedBeforeItsParentBegan) {
  ASSERT_OK(push("00000003.history", as_bytes(kForkedBeforeItsParentBegan)));
  EXPECT_EQ(MUST(wal_.archive->get_history(TimelineId{3})), kForkedBeforeItsParentBegan);
  auto builder = SmallWal::builder(4);
  builder.set_timeline(TimelineId{3});
  builder.fill_segment();
  EXPECT_OK(push("000000030000000000000004", builder.segment(4)));
}

TEST_F(WalPush, WalOfAnyAncestorThatANewForkCutsOffIsWalLeftBehind) {
  wal_.put_any(TimelineId{1}, 3, 5);
  auto of_the_grandparent = push("00000003.history", as_bytes(kForkedBeforeItsParentBegan));
  EXPECT_KIND(of_the_grandparent, ErrorKind::refused);
  EXPECT_THAT(of_the_grandparent.error().message(), ::testing::HasSubstr("000000010000000000000005"));
  wal_.put_any(TimelineId{2}, 6, 7);
  auto of_the_parent = push("00000003.history", as_bytes(kForkedBeforeItsParentBegan));
  EXPECT_KIND(of_the_parent, ErrorKind::refused);
  EXPECT_THAT(of_the_parent.error().message(), ::testing::HasSubstr("000000020000000000000007"));
}

TEST_F(WalPush, TwoServersOnOneTimelineAreAConflict) {
  ASSERT_OK(push("00000002.history", as_bytes(kHistory2)));
  EXPECT_KIND(push("00000002.history", as_bytes("1\t0/700000\tother\n")), ErrorKind::conflict);
  EXPECT_EQ(MUST(wal_.archive->get_history(TimelineId{2})), kHistory2);
}

TEST_F(WalPush, RefusesHistoriesThatMakeNoSense) {
  EXPECT_KIND(push("00000001.history", as_bytes("")), ErrorKind::refused);
  EXPECT_KIND(push("00000002.history", as_bytes("")), ErrorKind::corrupt);
  EXPECT_KIND(push("00000002.history", as_bytes("3\t0/580000\tx\n")), ErrorKind::corrupt);
  EXPECT_KIND(push("00000002.history", as_bytes("garbage")), ErrorKind::corrupt);
  EXPECT_EQ(stored_objects(), 0u);
}

TEST_F(WalPush, RefusesASegmentFromBeforeItsTimelineBegan) {
  ASSERT_OK(push("00000002.history", as_bytes(kHistory2)));
  auto builder = SmallWal::builder(4);
  builder.set_timeline(TimelineId{2});
  builder.fill_segment();
  EXPECT_KIND(push("000000020000000000000004", builder.segment(4)), ErrorKind::refused);
}

TEST_F(WalPush, SaysFromWhichClusterAFileIs) {
  auto builder = SmallWal::builder();
  builder.fill_segment();
  std::string path = write("000000010000000000000003", builder.segment(3));
  EXPECT_EQ(MUST(identify_wal_file({path, {}})), repository::SampleWorld::kSystem);
  path = write("00000002.history", as_bytes(kHistory2));
  EXPECT_EQ(MUST(identify_wal_file({path, {}})), std::nullopt);
  path = write("000000010000000000000004", as_bytes("short"));
  EXPECT_KIND(identify_wal_file({path, {}}), ErrorKind::corrupt);
}

TEST(PushExitCode, StaysBelowWhatEndsTheArchiver) {
  EXPECT_EQ(push_exit_code(Error(ErrorKind::transient, "x")), 1);
  EXPECT_EQ(push_exit_code(Error(ErrorKind::internal, "x").with_exit_code(143)), 1);
  EXPECT_EQ(push_exit_code(Error(ErrorKind::internal, "x").with_exit_code(0)), 1);
  EXPECT_EQ(push_exit_code(Error(ErrorKind::internal, "x").with_exit_code(7)), 7);
}

TEST_F(WalPushWithMaps, AServerBehindTheFullIsAnErrorAndNoLackOfMaps) {
  auto behind = request("/nonexistent");
  behind.full_stop = Lsn{behind.until.value + 8};
  auto found = find_changes(*wal_.archive, behind, {});
  EXPECT_KIND(found, ErrorKind::conflict);
  EXPECT_EQ(found.error().condition(), Condition::wal_diverged);
}

}  // namespace
}  // namespace spendsync::wal
