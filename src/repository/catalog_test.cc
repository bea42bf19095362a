#include "repository/catalog.h"

#include <algorithm>

#include "base/time.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

LogRecord sample_record(const Repository& repository) {
  LogRecord record;
  record.label = Label::make(repository.clock().now(), BackupType::transaction_logs);
  record.host = "db1";
  record.tool_version = "0.1.0";
  record.started = repository.clock().now();
  record.finished = repository.clock().now() + std::chrono::seconds(3);
  record.ranges = {{{1}, {0x100000}, {0x400000}}, {{2}, {0x400000}, {0x500000}}};
  record.covered_until = repository.clock().now();
  record.first_commit = CommitPoint{repository.clock().now(), {0x100200}};
  record.gap = "segments 1 to 3 were removed";
  record.slot = "spendsync_backup_demo";
  record.slot_state = "reserved";
  record.segments = 4;
  return record;
}

TEST(LogRecord, ReturnsEveryField) {
  SampleWorld world;
  auto repository = world.open();
  auto label = MUST(put_log_record(*repository, sample_record(*repository), {}));
  auto record = MUST(get_log_record(*world.open_for_reading(), label));
  auto expected = sample_record(*repository);
  EXPECT_EQ(record.label, label);
  EXPECT_EQ(record.host, expected.host);
  EXPECT_EQ(record.ranges, expected.ranges);
  EXPECT_EQ(record.covered_until, expected.covered_until);
  EXPECT_EQ(record.first_commit, expected.first_commit);
  EXPECT_EQ(record.last_commit, std::nullopt);
  EXPECT_EQ(record.gap, expected.gap);
  EXPECT_EQ(record.slot_state, "reserved");
  EXPECT_EQ(record.segments, 4u);
  EXPECT_EQ(record.keys.size(), 2u);
  EXPECT_EQ(record.chain.sequence, 1u);
  auto second = MUST(put_log_record(*repository, sample_record(*repository), {}));
  EXPECT_EQ(second, label.next());
}

TEST(Catalog, ListsBackupsAndLogRecordsInOrder) {
  SampleWorld world;
  auto repository = world.open();
  std::vector<Label> labels;
  for (int i = 0; i < 3; ++i) {
    labels.push_back(MUST(make_sample_backup(*repository, {})).summary.label);
    world.clock.advance(std::chrono::hours(1));
    MUST(put_log_record(*repository, sample_record(*repository), {}));
    world.clock.advance(std::chrono::hours(1));
  }
  auto catalog = MUST(Catalog::load(*world.open_for_reading(), {}));
  ASSERT_EQ(catalog.backups().size(), 3u);
  ASSERT_EQ(catalog.logs().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(catalog.backups()[i].label, labels[i]);
    ASSERT_OK(catalog.backups()[i].summary);
    ASSERT_OK(catalog.logs()[i].record);
  }
  EXPECT_EQ(catalog.newest_sequence(), 6u);
  EXPECT_EQ(catalog.newest()->label, labels[2]);
  EXPECT_NE(catalog.find(labels[1]), nullptr);
  EXPECT_EQ(catalog.find(labels[1].next()), nullptr);
  EXPECT_NE(catalog.find_log(catalog.logs()[0].label), nullptr);
  EXPECT_TRUE(catalog.unfinished().empty());
}

TEST(Catalog, ShowsADamagedManifestInsteadOfHidingIt) {
  SampleWorld world;
  auto repository = world.open();
  auto first = MUST(make_sample_backup(*repository, {})).summary.label;
  world.clock.advance(std::chrono::hours(1));
  auto second = MUST(make_sample_backup(*repository, {})).summary.label;
  auto key = repository->layout().manifest(first);
  auto whole = MUST(world.memory.get(key, 1u << 30));
  for (size_t kept : {size_t{0}, size_t{50}, size_t{100}, size_t{300}, whole.size() - 1}) {
    world.memory.overwrite(key, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept)));
    auto catalog = MUST(Catalog::load(*repository, {}));
    ASSERT_EQ(catalog.backups().size(), 2u);
    EXPECT_KIND(catalog.backups()[0].summary, ErrorKind::corrupt);
    EXPECT_OK(catalog.backups()[1].summary);
    EXPECT_EQ(catalog.newest()->label, second);
  }
}

TEST(Catalog, ChoosesBackupsByWhenTheyStoppedNotByLabel) {
  SampleWorld world;
  auto repository = world.open();
  SampleBackupSettings slow;  // began first, ended last
  slow.stopped = world.clock.now() + std::chrono::hours(10);
  slow.stop = {0x9000000};
  auto slow_label = MUST(make_sample_backup(*repository, slow)).summary.label;
  world.clock.advance(std::chrono::hours(1));
  SampleBackupSettings quick;
  quick.stopped = world.clock.now() + std::chrono::minutes(5);
  quick.stop = {0x5000000};
  auto quick_label = MUST(make_sample_backup(*repository, quick)).summary.label;
  auto catalog = MUST(Catalog::load(*repository, {}));
  EXPECT_EQ(catalog.newest()->label, slow_label);
  EXPECT_EQ(catalog.newest_stopped_by(slow.stopped - std::chrono::microseconds(1))->label, quick_label);
  EXPECT_EQ(catalog.newest_stopped_by(slow.stopped)->label, slow_label);
  EXPECT_EQ(catalog.newest_stopped_by(quick.stopped - std::chrono::microseconds(1)), nullptr);
  EXPECT_EQ(catalog.newest_stopped_before({0x8ffffff})->label, quick_label);
  EXPECT_EQ(catalog.newest_stopped_before({0x9000000})->label, slow_label);
  auto none = [](const ManifestSummary&) { return false; };
  EXPECT_EQ(catalog.newest(none), nullptr);
}

std::vector<ChainFinding> findings(Repository& repository) {
  auto catalog = MUST(Catalog::load(repository, {}));
  return MUST(check_chain(repository, catalog, {}));
}

TEST(Chain, TheNextLinkCitesTheHead) {
  SampleWorld world;
  auto repository = world.open();
  auto first = MUST(make_sample_backup(*repository, {})).summary;
  EXPECT_TRUE(first.chain.predecessors.empty());
  auto catalog = MUST(Catalog::load(*repository, {}));
  auto fork = MUST(next_link(*repository, catalog, {}));
  EXPECT_EQ(fork.sequence, 2u);
  ASSERT_EQ(fork.predecessors.size(), 1u);
  EXPECT_EQ(fork.predecessors[0].key, repository->layout().manifest(first.label).text());
}

TEST(Chain, CitesAllHeadsSoThatRunsAtOnceLoseNothing) {
  SampleWorld world;
  world.settings.state_directory = "";
  auto repository = world.open();
  MUST(make_sample_backup(*repository, {}));
  auto a = MUST(make_sample_backup(*repository, {})).summary;
  auto key = repository->layout().manifest(a.label);
  auto bytes = MUST(world.memory.get(key, 1u << 30));
  MUST(world.memory.remove(key));  // hidden while b runs
  auto b = MUST(make_sample_backup(*repository, {})).summary;
  MUST(world.memory.put_if_absent(key, bytes));
  auto merge = MUST(make_sample_backup(*repository, {})).summary;
  EXPECT_EQ(merge.chain.sequence, 3u);
  std::vector<std::string> cited;
  for (const auto& record : merge.chain.predecessors) cited.push_back(record.key);
  std::sort(cited.begin(), cited.end());
  EXPECT_EQ(cited, (std::vector<std::string>{key.text(), repository->layout().manifest(b.label).text()}));
  EXPECT_TRUE(findings(*repository).empty());
}

TEST(Chain, NoticesARemovedRecordUnlessATombstoneSaysSo) {
  SampleWorld world;
  auto repository = world.open();
  auto first = MUST(make_sample_backup(*repository, {})).summary;
  MUST(put_log_record(*repository, sample_record(*repository), {}));
  EXPECT_TRUE(findings(*repository).empty());
  auto key = repository->layout().manifest(first.label);
  MUST(world.memory.remove(key));
  auto found = findings(*repository);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ChainFinding::Kind::missing);
  EXPECT_EQ(found[0].key, key.text());
  auto keys = MUST(repository->keys().create_pair("expire"));
  MUST(repository->put_document({ObjectType::tombstone, repository->layout().tombstone(key), as_bytes("{}")},
                                keys.meta));
  EXPECT_TRUE(findings(*repository).empty());
}

TEST(Chain, NoticesARecordWhoseBytesChanged) {
  SampleWorld world;
  auto repository = world.open();
  auto first = MUST(make_sample_backup(*repository, {})).summary;
  MUST(make_sample_backup(*repository, {}));
  auto key = repository->layout().manifest(first.label);
  auto bytes = MUST(world.memory.get(key, 1u << 30));
  bytes.back() ^= std::byte{1};
  world.memory.overwrite(key, bytes);
  auto found = findings(*repository);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ChainFinding::Kind::changed);
  EXPECT_EQ(found[0].key, key.text());
}

TEST(Chain, NoticesARollbackByWhatThisHostHasSeen) {
  SampleWorld world;
  auto repository = world.open();
  MUST(make_sample_backup(*repository, {}));
  world.clock.advance(std::chrono::hours(1));
  std::vector<std::pair<storage::ObjectKey, Bytes>> snapshot;
  for (const auto& key : world.memory.keys()) snapshot.emplace_back(key, MUST(world.memory.get(key, 1u << 30)));
  auto newest = MUST(make_sample_backup(*repository, {})).summary;
  for (const auto& key : world.memory.keys()) MUST(world.memory.remove(key));
  for (const auto& [key, bytes] : snapshot) MUST(world.memory.put_if_absent(key, bytes));
  auto found = findings(*repository);  // every record there is whole and cited: only memory knows better
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, ChainFinding::Kind::rolled_back);
  EXPECT_EQ(found[0].key, repository->layout().manifest(newest.label).text());
  // A new record does not cover it up, and counts on from what was seen.
  world.clock.advance(std::chrono::hours(1));
  auto after = MUST(make_sample_backup(*repository, {})).summary;
  EXPECT_EQ(after.chain.sequence, 3u);
  EXPECT_EQ(findings(*repository).size(), 1u);
  EXPECT_EQ(read_newest_seen(*repository)->sequence, 2u);
  world.settings.state_directory = "";
  EXPECT_TRUE(findings(*world.open()).empty());  // without a memory nothing is claimed
}

TEST(Chain, AStateDirectoryThatCannotBeWrittenIsNoError) {
  SampleWorld world;
  world.settings.state_directory = "/proc/no-such-place";
  auto repository = world.open();
  MUST(make_sample_backup(*repository, {}));
  MUST(put_log_record(*repository, sample_record(*repository), {}));
  EXPECT_FALSE(read_newest_seen(*repository).has_value());
  EXPECT_TRUE(findings(*repository).empty());
}

}  // namespace
}  // namespace spendsync::repository
