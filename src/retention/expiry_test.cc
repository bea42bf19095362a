#include "retention/expiry.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "repository/backup_reader.h"
#include "repository/catalog.h"
#include "repository/testing/sample_repository.h"
#include "repository/verify_objects.h"
#include "retention/inventory.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::retention {
namespace {

using repository::Catalog;
using repository::Repository;
using repository::SampleBackupSettings;
using repository::SampleWorld;
using std::chrono::hours;
using storage::StoreFault;
using storage::StoreOperation;

repository::SampleBackup back_up(Repository& repository, uint64_t segment) {
  SampleBackupSettings settings;
  settings.seed = segment;
  settings.files = 3;
  settings.file_size_max = 30'000;
  settings.workers = 1;
  const auto size = repository.identity().wal_segment_size;
  settings.start = {segment * size + 0x28};
  settings.stop = {segment * size + 0x100};
  return MUST(make_sample_backup(repository, settings));
}

Plan plan_now(Repository& repository) { return MUST(make_plan(MUST(read_facts(repository, {})), {})); }

ExpiryReport expire_now(Repository& repository) {
  Expiry expiry(repository, "db1", {});
  EXPECT_OK(expiry.carry_out(plan_now(repository)));
  return expiry.report();
}

std::vector<std::string> listed(Repository& repository) {
  std::vector<std::string> labels;
  const auto catalog = MUST(Catalog::load(repository, {}));
  for (const auto& entry : catalog.backups()) labels.push_back(entry.label.text());
  return labels;
}

size_t count_below(const storage::MemoryStore& store, const std::string& prefix) {
  const auto keys = store.keys();
  return static_cast<size_t>(
      std::count_if(keys.begin(), keys.end(), [&](const auto& key) { return key.text().starts_with(prefix); }));
}

/// A full with its WAL every ten days, three of them; the first is thirty days old.
struct OldWorld : SampleWorld {
  OldWorld() : repository(open()) {
    for (uint64_t i = 0; i < 3; ++i) {
      put_sample_segments(*repository, 10 * (i + 1), 2);
      backups.push_back(back_up(*repository, 10 * (i + 1)));
      clock.advance(hours(10 * 24));
    }
    layout = &repository->layout();
  }
  std::unique_ptr<Repository> repository;
  std::vector<repository::SampleBackup> backups;
  const repository::Layout* layout = nullptr;
};

TEST(Expiry, TakesABackupOffTheListAndItsPacksADayLater) {
  OldWorld world;
  const auto label = world.backups[0].summary.label;
  const auto report = expire_now(*world.repository);
  EXPECT_EQ(report.backups, 1u);
  EXPECT_EQ(report.segments, 3u);  // its own two, and one that no backup needs
  EXPECT_EQ(listed(*world.repository).size(), 2u);
  EXPECT_TRUE(MUST(Catalog::load(*world.repository, {})).unfinished().empty());
  EXPECT_GT(count_below(world.memory, world.layout->packs_prefix(label)), 0u);
  EXPECT_EQ(MUST(world.repository->is_tombstoned(world.layout->manifest(label))), true);

  world.clock.advance(hours(23));
  EXPECT_TRUE(plan_now(*world.repository).empty());
  EXPECT_EQ(plan_now(*world.repository).waiting.size(), 1u);
  world.clock.advance(hours(1));
  EXPECT_EQ(expire_now(*world.repository).sweeps, 1u);
  EXPECT_EQ(count_below(world.memory, world.layout->backup_prefix(label)), 0u);
  EXPECT_TRUE(plan_now(*world.repository).empty());
  EXPECT_TRUE(plan_now(*world.repository).waiting.empty());

  const auto verified = MUST(repository::verify_everything(*world.open_for_reading(), {}, {}));
  EXPECT_TRUE(verified.clean()) << (verified.clean() ? ""
                                                     : verified.findings.front().key + verified.findings.front().what);
  EXPECT_EQ(compare_with_repository(*world.open_for_reading(), world.backups[1]), "");
}

TEST(Expiry, AReaderBeneathWhichABackupIsExpiredSaysSo) {
  OldWorld world;
  const auto label = world.backups[0].summary.label;
  const auto says_so = [&](const Error& error) {
    EXPECT_TRUE(error.is(ErrorKind::not_found));
    EXPECT_THAT(error.message(), ::testing::HasSubstr(label.text() + " was expired meanwhile"));
  };
  const auto reader = MUST(repository::BackupReader::open(*world.repository, label));
  const auto frames = MUST(reader->frame_reader());
  std::vector<repository::FileEntry> files;
  MUST(reader->for_each_file([&](const repository::FileEntry& entry) -> Result<void> {
    if (entry.kind == repository::FileKind::file && entry.size > 0) files.push_back(entry);
    return ok();
  }));
  ASSERT_FALSE(files.empty());
  const auto read = [&] { return frames->read_file(files.front(), [](uint64_t, ByteView) { return ok(); }); };
  ASSERT_OK(read());

  EXPECT_EQ(expire_now(*world.repository).backups, 1u);
  const auto opened = repository::BackupReader::open(*world.repository, label);
  ASSERT_FALSE(opened.has_value());
  says_so(opened.error());
  ASSERT_OK(read());  // its packs are there for another day
  world.clock.advance(hours(24));
  EXPECT_EQ(expire_now(*world.repository).sweeps, 1u);
  const auto gone = read();
  ASSERT_FALSE(gone.has_value());
  says_so(gone.error());
}

TEST(Expiry, AFullThatLacksAPackIsNotTheLastGoodOne) {
  OldWorld world;
  world.clock.advance(hours(40 * 24));  // all are past their period
  for (const auto& key : world.memory.keys()) {
    if (!key.text().starts_with(world.layout->packs_prefix(world.backups[2].summary.label))) continue;
    MUST(world.memory.remove(key));
    break;
  }
  expire_now(*world.repository);
  EXPECT_EQ(listed(*world.repository),
            (std::vector<std::string>{world.backups[1].summary.label.text(), world.backups[2].summary.label.text()}));
  EXPECT_EQ(compare_with_repository(*world.open_for_reading(), world.backups[1]), "");
}

TEST(Expiry, ConvergesAfterAKillAtEveryStoreOperation) {
  uint64_t operations = 0;
  for (uint64_t nth = 1;; ++nth) {
    OldWorld world;
    storage::FaultyStore faulty(world.memory, world.clock);
    StoreFault fault;
    fault.operation = StoreOperation::any;
    fault.nth = nth;
    fault.persistent = true;
    faulty.add(fault);
    const auto plan = plan_now(*world.repository);
    auto collaborators = world.collaborators();
    repository::Collaborators broken{faulty, collaborators.wrappers, collaborators.random, collaborators.clock,
                                     collaborators.log};
    bool done = false;
    auto opened = Repository::open_for_reading(world.settings, std::nullopt, broken);
    if (opened) done = Expiry(**opened, "db1", {}).carry_out(plan).has_value();
    operations = nth;

    expire_now(*world.repository);
    EXPECT_EQ(listed(*world.repository).size(), 2u) << nth;
    world.clock.advance(hours(25));
    expire_now(*world.repository);
    EXPECT_EQ(count_below(world.memory, world.layout->backup_prefix(world.backups[0].summary.label)), 0u) << nth;
    EXPECT_TRUE(plan_now(*world.repository).empty()) << nth;
    const auto verified = MUST(repository::verify_everything(*world.open_for_reading(), {}, {}));
    EXPECT_TRUE(verified.clean()) << nth;
    if (done) break;
  }
  EXPECT_GT(operations, 15u);
}

TEST(Expiry, AListingThatFailsIsNoShortListing) {
  OldWorld world;
  for (const auto effect : {StoreFault::Effect::fail_before, StoreFault::Effect::tear}) {
    storage::FaultyStore faulty(world.memory, world.clock);
    StoreFault fault;
    fault.operation = StoreOperation::list;
    fault.effect = effect;
    fault.keep = 3;
    fault.persistent = true;
    auto collaborators = world.collaborators();
    repository::Collaborators broken{faulty, collaborators.wrappers, collaborators.random, collaborators.clock,
                                     collaborators.log};
    auto opened = MUST(Repository::open_for_reading(world.settings, std::nullopt, broken));
    faulty.add(fault);
    EXPECT_KIND(read_facts(*opened, {}), ErrorKind::transient);
  }
}

TEST(Expiry, YieldsToAPinAndToAnIncrementalThatCameMeanwhile) {
  OldWorld world;
  const auto label = world.backups[0].summary.label;
  const auto plan = plan_now(*world.repository);
  ASSERT_EQ(plan.backups.size(), 1u);
  ASSERT_OK(repository::pin_backup(*world.repository, label, "audit", "db1"));
  Expiry late(*world.repository, "db1", {});
  ASSERT_OK(late.carry_out(plan));
  EXPECT_EQ(late.report().backups, 0u);
  EXPECT_EQ(late.report().segments, 0u);
  ASSERT_EQ(late.report().yielded.size(), 1u);
  EXPECT_EQ(listed(*world.repository).size(), 3u);
  EXPECT_TRUE(plan_now(*world.repository).backups.empty());
}

TEST(Expiry, AnIncrementalAndTheExpiryOfItsFullNeverBothGoOn) {
  OldWorld world;
  const auto full = world.backups[0].summary.label;
  repository::BackupRun::Settings settings;
  settings.type = BackupType::incremental;
  settings.parent = full;
  settings.host = "db2";
  settings.must_be_restorable = false;
  const auto plan = plan_now(*world.repository);
  auto run = MUST(repository::BackupRun::begin(*world.repository, settings, {}));
  Expiry late(*world.repository, "db1", {});
  ASSERT_OK(late.carry_out(plan));
  EXPECT_EQ(late.report().backups, 0u);
  // It began before expiry did: it ends well, and its full stays with it.
  repository::ManifestSummary summary;
  summary.parent = full;
  summary.started = summary.stopped = world.clock.now();
  summary.start = world.backups[0].summary.start;
  summary.stop = world.backups[0].summary.stop;
  summary.page_size = 8192;
  summary.major_version = 15;
  ASSERT_OK(run->commit(summary, {"label", ""}));
  EXPECT_TRUE(plan_now(*world.repository).backups.empty());
  // Another one comes after expiry has begun.
  EXPECT_KIND(repository::BackupRun::begin(*world.repository, settings, {}), ErrorKind::refused);
}

TEST(Expiry, PinsKeepABackupUntilTheyAreGivenUp) {
  OldWorld world;
  const auto label = world.backups[0].summary.label;
  ASSERT_OK(repository::pin_backup(*world.repository, label, "audit of May", "db1"));
  EXPECT_TRUE(plan_now(*world.repository).backups.empty());
  const auto pins = MUST(repository::read_pins(*world.repository, label));
  ASSERT_EQ(pins.size(), 1u);
  EXPECT_EQ(pins.front().reason, "audit of May");
  EXPECT_EQ(MUST(repository::unpin_backup(*world.repository, label)), 1u);
  EXPECT_EQ(MUST(repository::unpin_backup(*world.repository, label)), 0u);
  EXPECT_EQ(expire_now(*world.repository).backups, 1u);
  EXPECT_KIND(repository::pin_backup(*world.repository, label, "late", "db1"), ErrorKind::not_found);
}

TEST(Expiry, APinThatComesAfterExpiryHasBegunIsRefusedAndLeavesNothing) {
  OldWorld world;
  const auto label = world.backups[0].summary.label;
  ASSERT_OK(repository::mark_expiring(*world.repository, label, "db1"));
  EXPECT_KIND(repository::pin_backup(*world.repository, label, "late", "db1"), ErrorKind::refused);
  EXPECT_TRUE(MUST(repository::read_pins(*world.repository, label)).empty());
  EXPECT_EQ(expire_now(*world.repository).backups, 1u);
}

TEST(Expiry, ACollectedRunLosesItsCommitAndItsPacksADayLater) {
  OldWorld world;
  repository::BackupRun::Settings settings;
  settings.host = "db2";
  settings.must_be_restorable = false;
  auto run = MUST(repository::BackupRun::begin(*world.repository, settings, {}));
  const auto label = run->label();
  world.clock.advance(hours(47));
  EXPECT_TRUE(plan_now(*world.repository).runs.empty());
  world.clock.advance(hours(2));
  EXPECT_EQ(expire_now(*world.repository).runs, 1u);
  repository::ManifestSummary summary;
  summary.page_size = 8192;
  summary.major_version = 15;
  EXPECT_KIND(run->commit(summary, {"label", ""}), ErrorKind::conflict);
  EXPECT_TRUE(MUST(Catalog::load(*world.repository, {})).unfinished().empty());
  EXPECT_TRUE(MUST(repository::find_interrupted(*world.repository, BackupType::full, hours(1000), {})).empty());
  world.clock.advance(hours(25));
  EXPECT_GE(expire_now(*world.repository).sweeps, 1u);
  EXPECT_EQ(count_below(world.memory, world.layout->backup_prefix(label)), 1u);  // the tombstone
  EXPECT_TRUE(MUST(repository::verify_everything(*world.open_for_reading(), {}, {})).clean());
}

TEST(Expiry, ReportsWhatMayNotBeRemovedAndGoesOn) {
  OldWorld world;
  storage::FaultyStore faulty(world.memory, world.clock);
  StoreFault fault;
  fault.operation = StoreOperation::remove;
  fault.kind = ErrorKind::denied;
  fault.persistent = true;
  faulty.add(fault);
  auto collaborators = world.collaborators();
  repository::Collaborators locked{faulty, collaborators.wrappers, collaborators.random, collaborators.clock,
                                   collaborators.log};
  auto opened = MUST(Repository::open_for_reading(world.settings, std::nullopt, locked));
  Expiry expiry(*opened, "db1", {});
  ASSERT_OK(expiry.carry_out(plan_now(*opened)));
  EXPECT_EQ(expiry.report().backups, 0u);
  EXPECT_EQ(expiry.report().objects, 0u);
  EXPECT_EQ(expiry.report().denied_total, 4u);  // a manifest and three segments
  EXPECT_EQ(expire_now(*world.repository).backups, 1u);
}

TEST(Expiry, LeavesDamagedAndForeignObjectsAlone) {
  OldWorld world;
  const auto damaged = world.layout->manifest(world.backups[0].summary.label);
  auto bytes = MUST(world.memory.get(damaged, 1 << 20));
  bytes[bytes.size() / 3] ^= std::byte{1};
  bytes[100] ^= std::byte{1};
  world.memory.overwrite(damaged, bytes);
  const auto foreign = repository::key_of(world.layout->base() + "backups/notes.txt");
  world.memory.overwrite(foreign, bytes);
  const auto plan = plan_now(*world.repository);
  EXPECT_EQ(plan.warnings.size(), 2u);
  expire_now(*world.repository);
  EXPECT_OK(world.memory.stat(damaged));
  EXPECT_OK(world.memory.stat(foreign));
}

}  // namespace
}  // namespace spendsync::retention
