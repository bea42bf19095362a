#include "repository/interrupted_run.h"

#include <algorithm>

#include "crypto/wrapped_key.h"
#include "repository/backup_reader.h"
#include "repository/catalog.h"
#include "repository/key_inventory.h"
#include "repository/testing/sample_repository.h"
#include "repository/verify_objects.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::repository {
namespace {

using storage::StoreFault;
using storage::StoreOperation;

class InterruptedRunTest : public ::testing::Test {
 protected:
  InterruptedRunTest() : repository_(world_.open()) {
    settings_.files = 40;
    settings_.workers = 1;
    settings_.pack_size = 100'000;
    put_sample_segments(*repository_, 0x20, 1);  // what the backups' start and stop lie in
  }

  /// A run whose store fails for good from its n-th finished pack on: as if killed there.
  void interrupt(uint64_t nth_pack) {
    storage::FaultyStore faulty(world_.memory, world_.clock);
    auto* whole = std::exchange(world_.store, &faulty);
    auto running = world_.open_for_reading();
    StoreFault fault;
    fault.operation = StoreOperation::finish;
    fault.nth = nth_pack;
    fault.persistent = true;
    faulty.reset();
    faulty.add(fault);
    EXPECT_KIND(make_sample_backup(*running, settings_), ErrorKind::transient);
    world_.store = whole;
    ASSERT_EQ(MUST(Catalog::load(*repository_, {})).unfinished().size(), 1u);
  }
  SampleBackupSettings again() const {
    auto settings = settings_;
    settings.resume = true;
    return settings;
  }
  std::vector<storage::ObjectKey> packs_of(const Label& label) {
    std::vector<storage::ObjectKey> packs;
    for (const auto& key : world_.memory.keys()) {
      if (key.text().starts_with(repository_->layout().packs_prefix(label))) packs.push_back(key);
    }
    return packs;
  }
  Label unfinished() {
    return MUST(find_interrupted(*repository_, BackupType::full, std::chrono::hours(48), {})).at(0);
  }
  uint64_t bytes_of(const std::vector<storage::ObjectKey>& keys) {
    uint64_t bytes = 0;
    for (const auto& key : keys) bytes += MUST(world_.memory.stat(key)).size;
    return bytes;
  }
  void expect_whole(const SampleBackup& backup) {
    EXPECT_EQ(compare_with_repository(*world_.open_for_reading(), backup), "");
    auto report = MUST(verify_everything(*world_.open_for_reading(), {}, {}));
    EXPECT_TRUE(report.clean()) << report.findings.front().key << ": " << report.findings.front().what;
  }

  /// What a process with these keys says to the unfinished run.
  Result<InterruptedRun> open_with(std::vector<crypto::KeyWrapper*> wrappers) {
    auto collaborators = world_.collaborators();
    collaborators.wrappers = std::move(wrappers);
    other_ = MUST(Repository::open_for_reading(world_.settings, std::nullopt, std::move(collaborators)));
    return InterruptedRun::open(*other_, unfinished(), {});
  }
  void rewrap(std::vector<crypto::KeyWrapper*> targets, std::optional<WrapperName> retire = std::nullopt) {
    auto collaborators = world_.collaborators();
    collaborators.wrappers = {world_.key.wrapper(), second_.wrapper()};
    auto repository = MUST(Repository::open_for_reading(world_.settings, std::nullopt, std::move(collaborators)));
    EXPECT_TRUE(MUST(rewrap_keys(*repository, {std::move(targets), std::move(retire)}, {})).complete());
  }

  SampleWorld world_;
  std::unique_ptr<Repository> repository_;
  SampleBackupSettings settings_;
  SampleKey second_{world_.random, world_.clock};
  std::unique_ptr<Repository> other_;
};

TEST_F(InterruptedRunTest, IsTakenUpUnderItsLabelAndSendsNothingTwice) {
  auto reference = MUST(make_sample_backup(*repository_, settings_));
  world_.clock.advance(std::chrono::minutes(1));
  interrupt(reference.summary.packs * 8 / 10);
  const auto label = unfinished();
  const auto sent_before = bytes_of(packs_of(label));
  world_.clock.advance(std::chrono::hours(2));
  auto backup = MUST(make_sample_backup(*repository_, again()));
  EXPECT_EQ(backup.summary.label, label);
  const auto sent_again = bytes_of(packs_of(label)) - sent_before;
  EXPECT_LT(sent_again * 4, reference.summary.stored_bytes) << "under a quarter";
  EXPECT_GT(backup.reused_bytes * 2, reference.summary.stored_bytes);
  EXPECT_EQ(backup.summary.keys.size(), 3u) << "both data keys and the meta key";
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, SaysWhereTheLockOfItsRunIs) {
  BackupRun::Settings settings;
  settings.lock = LockDomain{"db1", "/var/lib/postgresql/15/main", "postgres"};
  const auto label = MUST(BackupRun::begin(*repository_, settings, {}))->label();
  const auto start = MUST(read_run_start(*repository_, label));
  EXPECT_EQ(start.lock, settings.lock);
  EXPECT_EQ(start.lock->to_string(), "db1:/var/lib/postgresql/15/main, database postgres");
  auto text = encode_run_start(start);
  EXPECT_EQ(MUST(parse_run_start(as_bytes(text))).lock, settings.lock);
  text.replace(text.find("\"database\""), 10, "\"databasX\"");
  EXPECT_KIND(parse_run_start(as_bytes(text)), ErrorKind::corrupt);
  auto without = start;
  without.lock.reset();
  EXPECT_FALSE(MUST(parse_run_start(as_bytes(encode_run_start(without)))).lock.has_value());
}

TEST_F(InterruptedRunTest, ChangedContentIsSentAnew) {
  interrupt(20);
  auto settings = again();
  settings.seed = 2;  // every file has other content; stretches of zeros shorter than a frame are no frames
  auto backup = MUST(make_sample_backup(*repository_, settings));
  EXPECT_EQ(backup.reused_bytes, 0u);
  EXPECT_EQ(backup.summary.keys.size(), 2u);
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, ADamagedPackIsNotUsedAgain) {
  interrupt(20);
  const auto label = unfinished();
  const auto packs = packs_of(label);
  ASSERT_GE(packs.size(), 4u);
  const auto damage = [&](const storage::ObjectKey& key, auto change) {
    auto bytes = MUST(world_.memory.get(key, 1u << 30));
    change(bytes);
    world_.memory.overwrite(key, bytes);
  };
  damage(packs[0], [](Bytes& bytes) { bytes[bytes.size() / 2] ^= std::byte{1}; });   // content
  damage(packs[1], [](Bytes& bytes) { bytes[bytes.size() - 40] ^= std::byte{1}; });  // index
  damage(packs[2], [](Bytes& bytes) { bytes.pop_back(); });                          // trailer
  auto backup = MUST(make_sample_backup(*repository_, again()));
  EXPECT_GT(backup.reused_bytes, 0u);
  auto manifest = MUST(read_manifest(*repository_, label));
  for (size_t damaged = 0; damaged < 3; ++damaged) {
    for (const auto& pack : manifest.body.packs) {
      EXPECT_NE(repository_->layout().pack(label, pack.name), packs[damaged]) << damaged;
    }
  }
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, IsNotTakenUpWhereAKeyWasAddedThatCouldNotOpenIt) {
  interrupt(10);
  auto* first = world_.key.wrapper();
  auto* second = second_.wrapper();
  auto added = open_with({first, second});
  EXPECT_KIND(added, ErrorKind::refused);
  EXPECT_NE(added.error().message().find("has no wrap of key-file " + second->id()), std::string::npos)
      << added.error().message();
  EXPECT_OK(open_with({first}));
  rewrap({first, second});
  EXPECT_OK(open_with({first, second}));
}

TEST_F(InterruptedRunTest, IsNotTakenUpWhereAKeyWasGivenUpThatOpensIt) {
  interrupt(10);
  auto* first = world_.key.wrapper();
  auto* second = second_.wrapper();
  rewrap({first, second});
  auto removed = open_with({second});
  EXPECT_KIND(removed, ErrorKind::refused);
  EXPECT_NE(removed.error().message().find("has a wrap of key-file " + first->id()), std::string::npos)
      << removed.error().message();
  rewrap({second}, WrapperName{first->type(), first->id()});
  auto retired = open_with({second});
  EXPECT_KIND(retired, ErrorKind::refused);
  EXPECT_NE(retired.error().message().find("was retired"), std::string::npos) << retired.error().message();
}

TEST_F(InterruptedRunTest, TheKeysOfEveryRunThatTookItUpCount) {
  interrupt(8);
  settings_.resume = true;
  interrupt(8);
  const auto label = unfinished();
  std::vector<storage::ObjectKey> resumed;
  for (const auto& key : world_.memory.keys()) {
    if (key.text().starts_with(repository_->layout().resumed_prefix(label))) resumed.push_back(key);
  }
  ASSERT_EQ(resumed.size(), 1u);
  auto start = MUST(parse_run_start(MUST(repository_->get_document(ObjectType::started, resumed[0]))));
  const auto data = std::ranges::find(start.keys, crypto::KeyClass::data, &KeyRecord::key_class);
  ASSERT_NE(data, start.keys.end());
  crypto::KeyContext context{repository_->id(), repository_->layout().path().text(), data->id, crypto::KeyClass::data};
  auto foreign = MUST(second_.wrapper()->wrap(Secret{}, context));
  MUST(world_.memory.put_if_absent(repository_->layout().key_wrap(data->id, "00112233445566ff"),
                                   crypto::encode(foreign)));
  EXPECT_KIND(open_with({world_.key.wrapper()}), ErrorKind::refused);
}

/// Packs can be listed and their ends be read, but not their beginnings.
class DenyingStore final : public storage::ObjectStore {
 public:
  explicit DenyingStore(storage::ObjectStore& inner) : inner_(inner) {}
  Result<void> get_range(const storage::ObjectKey& key, uint64_t offset, MutableBytes out) override {
    const bool head = offset == 0 && out.size() <= crypto::kStreamHeaderSize;
    if (head && key.text().find("/packs/") != std::string::npos) return Error(ErrorKind::denied, "not for you");
    return inner_.get_range(key, offset, out);
  }
  Result<void> put_if_absent(const storage::ObjectKey& key, ByteView bytes) override {
    return inner_.put_if_absent(key, bytes);
  }
  Result<std::unique_ptr<storage::ObjectUpload>> begin_upload(const storage::ObjectKey& key, uint64_t size) override {
    return inner_.begin_upload(key, size);
  }
  Result<Bytes> get(const storage::ObjectKey& key, uint64_t max_size) override { return inner_.get(key, max_size); }
  Result<storage::ObjectInfo> stat(const storage::ObjectKey& key) override { return inner_.stat(key); }
  Result<void> list(std::string_view prefix, std::string_view start_after,
                    const std::function<Result<void>(const storage::ObjectInfo&)>& visit) override {
    return inner_.list(prefix, start_after, visit);
  }
  Result<std::vector<std::string>> list_level(std::string_view prefix) override { return inner_.list_level(prefix); }
  Result<void> remove(const storage::ObjectKey& key) override { return inner_.remove(key); }
  std::string description() const override { return inner_.description(); }
  Result<std::optional<uint64_t>> free_space() override { return inner_.free_space(); }

 private:
  storage::ObjectStore& inner_;
};

TEST_F(InterruptedRunTest, APackThatMayNotBeReadIsSentAgain) {
  interrupt(20);
  DenyingStore denying(world_.memory);
  auto* whole = std::exchange(world_.store, &denying);
  auto backup = MUST(make_sample_backup(*world_.open_for_reading(), again()));
  world_.store = whole;
  EXPECT_EQ(backup.reused_bytes, 0u);
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, MayBeInterruptedAgain) {
  interrupt(8);
  settings_.resume = true;
  interrupt(8);
  const auto after_two = packs_of(unfinished()).size();
  EXPECT_GE(after_two, 12u);
  auto backup = MUST(make_sample_backup(*repository_, settings_));
  std::set<RunId> runs;
  for (const auto& pack : MUST(read_manifest(*repository_, backup.summary.label)).body.packs)
    runs.insert(pack.name.run);
  EXPECT_EQ(runs.size(), 3u);
  EXPECT_EQ(backup.summary.keys.size(), 4u);
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, OfTwoThatTakeItUpTheFirstManifestStands) {
  interrupt(10);
  const auto label = unfinished();
  BackupRun::Settings settings;
  settings.must_be_restorable = false;
  auto late = MUST(BackupRun::resume(*repository_, settings, MUST(InterruptedRun::open(*repository_, label, {})), {}));
  auto backup = MUST(make_sample_backup(*repository_, again()));
  EXPECT_KIND(late->commit({}, {"label", ""}), ErrorKind::conflict);
  expect_whole(backup);
}

TEST_F(InterruptedRunTest, IsNotFoundWhenOldOfAnotherTypeCommittedOrCollected) {
  interrupt(10);
  const auto label = unfinished();
  const auto found = [&](BackupType type) {
    return MUST(find_interrupted(*repository_, type, std::chrono::hours(48), {})).size();
  };
  EXPECT_EQ(found(BackupType::full), 1u);
  EXPECT_EQ(found(BackupType::incremental), 0u);
  world_.clock.advance(std::chrono::hours(49));
  EXPECT_EQ(found(BackupType::full), 0u);
  auto backup = MUST(make_sample_backup(*repository_, settings_));  // a committed one is no candidate
  EXPECT_EQ(found(BackupType::full), 0u);
  EXPECT_NE(backup.summary.label, label);
  world_.clock.advance(std::chrono::minutes(1));
  auto run = MUST(BackupRun::begin(*repository_, {}, {}));
  EXPECT_EQ(found(BackupType::full), 1u);
  auto keys = MUST(repository_->keys().create_pair("expire"));
  MUST(repository_->put_document({ObjectType::tombstone, repository_->layout().manifest(run->label()), as_bytes("{}")},
                                 keys.meta));
  EXPECT_EQ(found(BackupType::full), 0u);
}

TEST_F(InterruptedRunTest, VerifyMissesTheDocumentOfTheRunThatTookItUp) {
  interrupt(10);
  auto backup = MUST(make_sample_backup(*repository_, again()));
  const auto prefix = repository_->layout().backup_prefix(backup.summary.label) + "resumed/";
  std::vector<storage::ObjectKey> resumed;
  for (const auto& key : world_.memory.keys()) {
    if (key.text().starts_with(prefix)) resumed.push_back(key);
  }
  ASSERT_EQ(resumed.size(), 1u);
  MUST(world_.memory.remove(resumed.front()));
  auto report = MUST(verify_backup(*world_.open_for_reading(), backup.summary.label, {}, {}));
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings.front().key, resumed.front().text());
}

}  // namespace
}  // namespace spendsync::repository
