#include <thread>

#include "repository/testing/sample_repository.h"
#include "storage/testing/faulty_store.h"

namespace spendsync::repository {
namespace {

using storage::StoreFault;
using storage::StoreOperation;

std::vector<std::string> names(const storage::MemoryStore& store) {
  std::vector<std::string> texts;
  for (const auto& key : store.keys()) texts.push_back(key.text());
  return texts;
}

/// Keys without the wraps, whose names are random.
std::vector<std::string> plain_names(const storage::MemoryStore& store) {
  auto texts = names(store);
  std::erase_if(texts, [](const auto& text) { return text.find("/keys/") != std::string::npos; });
  return texts;
}

const char* const kIdentity = "demo/7000000000000000001/identity";

TEST(OpenRepository, CreatesRepositoryKeysAndIdentityOnce) {
  SampleWorld world;
  auto first = world.open();
  EXPECT_EQ(plain_names(world.memory), (std::vector<std::string>{kIdentity, "repository"}));
  EXPECT_EQ(world.memory.keys().size(), 4u);  // and a wrap of each of two keys
  auto second = world.open();
  EXPECT_EQ(world.memory.keys().size(), 4u);
  EXPECT_EQ(first->id(), second->id());
  EXPECT_EQ(second->identity(), world.identity);
  auto reader = world.open_for_reading();
  EXPECT_EQ(reader->identity(), world.identity);
  EXPECT_EQ(reader->id().size(), 32u);
}

TEST(OpenRepository, ReadersCreateNothing) {
  SampleWorld world;
  EXPECT_KIND(Repository::open_for_reading(world.settings, std::nullopt, world.collaborators()), ErrorKind::not_found);
  EXPECT_TRUE(world.memory.keys().empty());
  auto repository = world.open();
  auto count = world.memory.keys().size();
  auto other = world.settings;
  other.cluster = "other";
  EXPECT_KIND(Repository::open_for_reading(other, std::nullopt, world.collaborators()), ErrorKind::not_found);
  EXPECT_KIND(Repository::open_for_reading(world.settings, SystemIdentifier{5}, world.collaborators()),
              ErrorKind::not_found);
  EXPECT_EQ(world.memory.keys().size(), count);
}

TEST(OpenRepository, GoesOnFromAKillAtAnyPoint) {
  for (auto effect : {StoreFault::Effect::fail_before, StoreFault::Effect::fail_after}) {
    uint64_t failures = 0;
    for (uint64_t nth = 1; nth < 100; ++nth) {
      SampleWorld world;
      storage::FaultyStore faulty(world.memory, world.clock);
      StoreFault fault;
      fault.nth = nth;
      fault.persistent = true;  // dead from then on
      fault.effect = effect;
      faulty.add(fault);
      world.store = &faulty;
      bool survived = world.try_open().has_value();
      failures += survived ? 0 : 1;
      world.store = &world.memory;
      auto repository = world.try_open();
      ASSERT_OK(repository);
      EXPECT_EQ(plain_names(world.memory), (std::vector<std::string>{kIdentity, "repository"})) << nth;
      auto key = (*repository)->layout().started(Label::make(world.clock.now(), BackupType::full));
      auto keys = MUST((*repository)->keys().create_pair("test"));
      ASSERT_OK((*repository)->put_document({ObjectType::started, key, as_bytes("works")}, keys.meta));
      EXPECT_EQ(as_text(MUST(world.open_for_reading()->get_document(ObjectType::started, key))), "works");
      if (survived) break;
    }
    EXPECT_GE(failures, 6u);  // every step was hit
  }
}

TEST(OpenRepository, TwoCreatorsEndWithOneRepository) {
  for (int round = 0; round < 20; ++round) {
    SampleWorld world;
    constexpr int kCreators = 4;
    std::vector<std::string> ids(kCreators);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < kCreators; ++i) {
        threads.emplace_back([&, i] {
          auto repository = world.try_open();
          ids[static_cast<size_t>(i)] = repository ? (*repository)->id() : describe(repository.error());
        });
      }
    }
    for (const auto& id : ids) EXPECT_EQ(id, ids.front());
    EXPECT_EQ(ids.front().size(), 32u) << ids.front();
    EXPECT_EQ(plain_names(world.memory).size(), 2u);
  }
}

TEST(OpenRepository, RefusesWhenTheRepositoryObjectIsMissingBesideOthers) {
  SampleWorld world;
  world.open();
  MUST(world.memory.remove(repository_key()));
  auto before = names(world.memory);
  EXPECT_KIND(world.try_open(), ErrorKind::refused);
  EXPECT_KIND(Repository::open_for_reading(world.settings, std::nullopt, world.collaborators()), ErrorKind::refused);
  EXPECT_EQ(names(world.memory), before);
}

TEST(OpenRepository, RefusesAnotherServerUnderTheSameName) {
  SampleWorld world;
  world.open();
  auto before = names(world.memory);
  world.identity.system_identifier = {7000000000000000002};
  auto refused = world.try_open();
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_NE(refused.error().hint().find("cluster adopt"), std::string::npos);
  EXPECT_EQ(names(world.memory), before);
}

TEST(OpenRepository, LeavesTwoServersThatCameAtOnceToAPerson) {
  SampleWorld world;
  auto first = world.identity.system_identifier;
  world.open();
  std::vector<std::pair<storage::ObjectKey, Bytes>> hidden;  // as if both had looked before either had written
  for (const auto& key : world.memory.keys()) {
    if (key == repository_key()) continue;
    hidden.emplace_back(key, MUST(world.memory.get(key, 1u << 20)));
    MUST(world.memory.remove(key));
  }
  world.identity.system_identifier = {7000000000000000002};
  world.open();
  for (const auto& [key, bytes] : hidden) MUST(world.memory.put_if_absent(key, bytes));
  EXPECT_KIND(world.try_open(), ErrorKind::refused);
  world.identity.system_identifier = first;
  EXPECT_KIND(world.try_open(), ErrorKind::refused);
  auto which = Repository::open_for_reading(world.settings, std::nullopt, world.collaborators());
  EXPECT_KIND(which, ErrorKind::invalid);
  EXPECT_NE(which.error().message().find(first.to_string()), std::string::npos);
  EXPECT_OK(Repository::open_for_reading(world.settings, first, world.collaborators()));
}

TEST(OpenRepository, RefusesAServerOfAnotherVersionOrShape) {
  SampleWorld world;
  world.open();
  auto original = world.identity;
  auto refused = [&](auto change) {
    world.identity = original;
    change(world.identity);
    EXPECT_KIND(world.try_open(), ErrorKind::refused);
  };
  refused([](auto& identity) { identity.major_version = 16; });
  refused([](auto& identity) { identity.catalog_version += 1; });
  refused([](auto& identity) { identity.page_size = 16384; });
  refused([](auto& identity) { identity.wal_segment_size = 64u << 20; });
  refused([](auto& identity) { identity.relation_segment_size = 1; });
  world.identity = original;
  EXPECT_OK(world.try_open());
}

TEST(OpenRepository, TellsTheWrongKeyFromDamage) {
  SampleWorld world;
  world.open();
  SampleKey stranger(world.random, world.clock);
  Collaborators others{*world.store, {stranger.wrapper()}, world.random, world.clock, world.log};
  EXPECT_KIND(Repository::open_for_writing(world.settings, world.identity, others), ErrorKind::denied);
  EXPECT_KIND(Repository::open_for_reading(world.settings, std::nullopt, others), ErrorKind::denied);
}

TEST(OpenRepository, NamesADamagedRepositoryObject) {
  SampleWorld world;
  world.open();
  auto bytes = MUST(world.memory.get(repository_key(), 4096));
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= std::byte{1};
    world.memory.overwrite(repository_key(), damaged);
    auto opened = world.try_open();
    ASSERT_FALSE(opened.has_value()) << i;
    EXPECT_EQ(opened.error().kind(), ErrorKind::corrupt) << i << " " << opened.error().message();
    EXPECT_NE(opened.error().message().find("repository"), std::string::npos);
  }
}

TEST(OpenRepository, CallsAnObjectOfAnyOtherSizeDamagedAndNamesIt) {
  SampleWorld world;
  auto repository = world.open();
  for (const auto& key : {repository_key(), repository->layout().identity()}) {
    const auto whole = MUST(world.memory.get(key, 1u << 20));
    for (size_t size : {size_t{0}, whole.size() - 1, whole.size() + 1, size_t{1} << 20}) {
      auto damaged = whole;
      damaged.resize(size);
      world.memory.overwrite(key, damaged);
      auto opened = world.try_open();
      ASSERT_FALSE(opened.has_value()) << key.text() << " of " << size << " bytes";
      EXPECT_EQ(opened.error().kind(), ErrorKind::corrupt) << size << " " << opened.error().message();
      EXPECT_NE(opened.error().message().find(key.text()), std::string::npos) << opened.error().message();
    }
    world.memory.overwrite(key, whole);
  }
}

TEST(OpenRepository, NoticesThatTheIdentityWasRemoved) {
  SampleWorld world;
  auto repository = world.open();
  MUST(make_sample_backup(*repository, {}));
  MUST(world.memory.remove(key_of(kIdentity)));
  EXPECT_KIND(world.try_open(), ErrorKind::corrupt);
  EXPECT_KIND(Repository::open_for_reading(world.settings, std::nullopt, world.collaborators()), ErrorKind::corrupt);
}

TEST(OpenRepository, TwoClustersShareARepository) {
  SampleWorld world;
  auto first = world.open();
  world.identity.cluster = "other";
  world.settings.cluster = "other";
  world.identity.system_identifier = {99};
  auto second = world.open();
  EXPECT_EQ(first->id(), second->id());
  EXPECT_EQ(world.open_for_reading()->identity().system_identifier, SystemIdentifier{99});
}

TEST(Documents, AreNeverOverwritten) {
  SampleWorld world;
  auto repository = world.open();
  auto keys = MUST(repository->keys().create_pair("test"));
  auto key = repository->layout().history({3});
  EXPECT_EQ(MUST(repository->put_document({ObjectType::history, key, as_bytes("one")}, keys.meta)), PutOutcome::stored);
  auto again = MUST(repository->put_document({ObjectType::history, key, as_bytes("one")}, keys.meta));
  EXPECT_EQ(again, PutOutcome::already_identical);
  EXPECT_KIND(repository->put_document({ObjectType::history, key, as_bytes("two")}, keys.meta), ErrorKind::conflict);
  EXPECT_EQ(as_text(MUST(repository->get_document(ObjectType::history, key))), "one");
  EXPECT_KIND(repository->get_document(ObjectType::log, key), ErrorKind::corrupt);  // another type opens nothing
}

TEST(Documents, OfEverySizeComeBackWhole) {
  SampleWorld world;
  auto repository = world.open();
  auto keys = MUST(repository->keys().create_pair("test"));
  uint32_t timeline = 1;
  for (size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, (size_t{1} << 20) + 1, size_t{3'500'000}}) {
    auto content = sample_content(size, size);
    auto key = repository->layout().history({++timeline});
    MUST(repository->put_document({ObjectType::history, key, content}, keys.meta));
    EXPECT_EQ(MUST(repository->get_document(ObjectType::history, key)), content);
    if (size == 0) continue;
    EXPECT_KIND(repository->get_document(ObjectType::history, key, size - 1), ErrorKind::corrupt);
  }
}

TEST(Documents, WhoseKeyWasRemovedAreDamagedNotAbsent) {
  SampleWorld world;
  auto repository = world.open();
  auto keys = MUST(repository->keys().create_pair("test"));
  auto key = repository->layout().history({3});
  MUST(repository->put_document({ObjectType::history, key, as_bytes("one")}, keys.meta));
  auto other = world.open();
  MUST(world.memory.remove(repository->layout().key_wrap(keys.meta->id, keys.meta_wraps.at(0))));
  auto read = other->get_document(ObjectType::history, key);
  EXPECT_KIND(read, ErrorKind::corrupt);
  EXPECT_NE(read.error().message().find(keys.meta->id.to_string()), std::string::npos);
}

TEST(AdoptCluster, MakesTheNewServerTheOneThatIsMeant) {
  SampleWorld world;
  auto first = world.open();
  const auto old_identifier = world.identity.system_identifier;
  EXPECT_KIND(Repository::adopt(world.settings, world.identity, world.collaborators()), ErrorKind::not_found);
  world.clock.advance(std::chrono::hours(1));
  auto anew = world.identity;
  anew.system_identifier = SystemIdentifier{old_identifier.value + 1};
  anew.major_version = world.identity.major_version + 1;
  EXPECT_KIND(Repository::open_for_writing(world.settings, anew, world.collaborators()), ErrorKind::refused);
  auto adopted = MUST(Repository::adopt(world.settings, anew, world.collaborators()));
  EXPECT_EQ(adopted->adopted(), std::vector<SystemIdentifier>{old_identifier});
  EXPECT_OK(Repository::open_for_writing(world.settings, anew, world.collaborators()));
  EXPECT_OK(Repository::adopt(world.settings, anew, world.collaborators()));  // again: nothing to do

  EXPECT_EQ(world.open_for_reading()->identity(), anew);
  auto old = MUST(Repository::open_for_reading(world.settings, old_identifier, world.collaborators()));
  EXPECT_EQ(old->identity(), world.identity);
  auto folders = MUST(Repository::list_folders(world.settings, world.collaborators()));
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[0].identity, world.identity);
  EXPECT_EQ(folders[1].identity, anew);

  auto third = anew;
  third.system_identifier = SystemIdentifier{old_identifier.value + 2};
  world.clock.advance(std::chrono::hours(1));
  MUST(Repository::adopt(world.settings, third, world.collaborators()));
  EXPECT_EQ(world.open_for_reading()->identity(), third);
  EXPECT_EQ(world.open_for_reading()->adopted().size(), 2u);
}

TEST(AdoptCluster, ListsNothingWhereThereIsNoRepository) {
  SampleWorld world;
  EXPECT_TRUE(MUST(Repository::list_folders(world.settings, world.collaborators())).empty());
}

}  // namespace
}  // namespace spendsync::repository
