#include "repository/key_ring.h"

#include <algorithm>
#include <set>
#include <thread>

#include "crypto/wrapped_key.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

/// A ring over the world's store; `wrappers` may be others than the world's.
std::unique_ptr<KeyRing> ring(SampleWorld& world, std::vector<crypto::KeyWrapper*> wrappers, bool with_state = true) {
  KeyRing::Settings settings;
  settings.repository_id = "00112233445566778899aabbccddeeff";
  if (with_state) settings.state_directory = world.state.path();
  return std::make_unique<KeyRing>(settings, Layout({"demo", {1}}), world.memory, std::move(wrappers), world.random,
                                   world.clock, world.log);
}

/// Seals and never opens, as an escrow key does.
class SealOnly final : public crypto::KeyWrapper {
 public:
  std::string type() const override { return "escrow"; }
  std::string id() const override { return "offline"; }
  bool can_open() const override { return false; }
  bool opens_locally() const override { return false; }
  Result<crypto::WrappedKey> wrap(const Secret&, const crypto::KeyContext& context) override {
    return crypto::WrappedKey{type(), id(), context, Timestamp{}, to_bytes("sealed")};
  }
  Result<Secret> unwrap(const crypto::WrappedKey&) override { return Error(ErrorKind::denied, "seals only"); }
};

/// Opens nothing now: a service that is down.
class Unreachable final : public crypto::KeyWrapper {
 public:
  explicit Unreachable(crypto::KeyWrapper& inner) : inner_(inner) {}
  std::string type() const override { return inner_.type(); }
  std::string id() const override { return inner_.id(); }
  bool can_open() const override { return true; }
  bool opens_locally() const override { return false; }
  Result<crypto::WrappedKey> wrap(const Secret& key, const crypto::KeyContext& context) override {
    return inner_.wrap(key, context);
  }
  Result<Secret> unwrap(const crypto::WrappedKey&) override { return Error(ErrorKind::transient, "KMS timed out"); }

 private:
  crypto::KeyWrapper& inner_;
};

std::vector<storage::ObjectKey> wraps_of(SampleWorld& world, const crypto::KeyId& id) {
  std::vector<storage::ObjectKey> found;
  for (const auto& key : world.memory.keys()) {
    if (key.text().find(id.to_string()) != std::string::npos) found.push_back(key);
  }
  return found;
}

TEST(KeyRing, FindsWhatAnotherProcessMade) {
  SampleWorld world;
  auto made = MUST(ring(world, {world.key.wrapper()})->create_pair("test"));
  auto other = ring(world, {world.key.wrapper()});
  auto data = MUST(other->find(made.data->id));
  auto meta = MUST(other->find(made.meta->id));
  EXPECT_TRUE(std::ranges::equal(data->secret.view(), made.data->secret.view()));
  EXPECT_EQ(data->key_class, crypto::KeyClass::data);
  EXPECT_EQ(meta->key_class, crypto::KeyClass::meta);
  EXPECT_FALSE(std::ranges::equal(data->secret.view(), meta->secret.view()));
}

TEST(KeyRing, AsksTheStoreOnceForAKey) {
  SampleWorld world;
  auto made = MUST(ring(world, {world.key.wrapper()})->create_pair("test"));
  auto other = ring(world, {world.key.wrapper()});
  auto first = MUST(other->find(made.meta->id));
  for (const auto& key : world.memory.keys()) MUST(world.memory.remove(key));
  EXPECT_EQ(MUST(other->find(made.meta->id)).get(), first.get());
}

TEST(KeyRing, TellsMissingFromForeignFromDamagedFromUnreachable) {
  SampleWorld world;
  auto made = MUST(ring(world, {world.key.wrapper()})->create_pair("test"));
  auto id = made.data->id;

  EXPECT_KIND(ring(world, {world.key.wrapper()})->find(crypto::KeyId::random(world.random)), ErrorKind::not_found);

  SampleKey stranger(world.random, world.clock);
  auto denied = ring(world, {stranger.wrapper()})->find(id);
  EXPECT_KIND(denied, ErrorKind::denied);
  EXPECT_NE(denied.error().message().find(world.key.wrapper()->id()), std::string::npos);  // says whose it is
  EXPECT_NE(denied.error().message().find(id.to_string()), std::string::npos);

  Unreachable down(*world.key.wrapper());
  EXPECT_KIND(ring(world, {&down})->find(id), ErrorKind::transient);

  auto wrap = wraps_of(world, id).at(0);
  auto bytes = MUST(world.memory.get(wrap, 1u << 20));
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] ^= std::byte{0x10};
    world.memory.overwrite(wrap, damaged);
    auto found = ring(world, {world.key.wrapper()})->find(id);
    ASSERT_FALSE(found.has_value()) << "byte " << i;
    EXPECT_EQ(found.error().kind(), ErrorKind::corrupt) << "byte " << i << ": " << found.error().message();
  }
}

TEST(KeyRing, RefusesAWrapFromAnotherKeysPlace) {
  SampleWorld world;
  auto made = MUST(ring(world, {world.key.wrapper()})->create_pair("test"));
  auto data = wraps_of(world, made.data->id).at(0);
  auto meta = wraps_of(world, made.meta->id).at(0);
  world.memory.overwrite(data, MUST(world.memory.get(meta, 1u << 20)));
  EXPECT_KIND(ring(world, {world.key.wrapper()})->find(made.data->id), ErrorKind::corrupt);
}

TEST(KeyRing, OpensByAnyOfSeveralWraps) {
  SampleWorld world;
  SampleKey second(world.random, world.clock);
  SealOnly escrow;
  auto made = MUST(ring(world, {world.key.wrapper(), second.wrapper(), &escrow})->create_pair("test"));
  EXPECT_EQ(wraps_of(world, made.data->id).size(), 3u);
  EXPECT_EQ(made.data_wraps.size(), 3u);
  EXPECT_OK(ring(world, {second.wrapper()})->find(made.data->id));
  Unreachable down(*world.key.wrapper());
  EXPECT_OK(ring(world, {&down, second.wrapper()})->find(made.data->id));
}

TEST(KeyRing, RefusesToSealWhatNobodyHereCouldOpen) {
  SampleWorld world;
  SealOnly escrow;
  EXPECT_KIND(ring(world, {&escrow})->create_pair("test"), ErrorKind::refused);
  EXPECT_KIND(ring(world, {})->create_pair("test"), ErrorKind::refused);
  EXPECT_TRUE(world.memory.keys().empty());
}

TEST(KeyRing, RenewsWalKeysAfterAnHour) {
  SampleWorld world;
  auto keys = ring(world, {world.key.wrapper()}, false);
  auto first = MUST(keys->wal_keys());
  world.clock.advance(std::chrono::minutes(59));
  EXPECT_EQ(MUST(keys->wal_keys()).data->id, first.data->id);
  world.clock.advance(std::chrono::minutes(1));
  auto second = MUST(keys->wal_keys());
  EXPECT_NE(second.data->id, first.data->id);
  world.clock.advance(std::chrono::hours(-3));  // a clock that went back proves nothing about age
  EXPECT_NE(MUST(keys->wal_keys()).data->id, second.data->id);
}

TEST(KeyRing, TakesUpTheKeysOfAnEarlierProcessWithinTheHour) {
  SampleWorld world;
  auto first = MUST(ring(world, {world.key.wrapper()})->wal_keys());
  world.clock.advance(std::chrono::minutes(30));
  auto reused = MUST(ring(world, {world.key.wrapper()})->wal_keys());
  EXPECT_EQ(reused.data->id, first.data->id);
  EXPECT_EQ(reused.meta->id, first.meta->id);
  EXPECT_EQ(reused.data_wraps, first.data_wraps);
  world.clock.advance(std::chrono::minutes(31));
  EXPECT_NE(MUST(ring(world, {world.key.wrapper()})->wal_keys()).data->id, first.data->id);
}

TEST(KeyRing, MakesNewWalKeysWhereReuseIsNotPossible) {
  SampleWorld world;
  auto first = MUST(ring(world, {world.key.wrapper()})->wal_keys()).data->id;
  EXPECT_NE(MUST(ring(world, {world.key.wrapper()}, false)->wal_keys()).data->id, first);  // no state directory
  Unreachable remote(*world.key.wrapper());
  EXPECT_NE(MUST(ring(world, {&remote})->wal_keys()).data->id, first);  // opening would cost a right
  SampleKey second(world.random, world.clock);
  auto both = MUST(ring(world, {world.key.wrapper(), second.wrapper()})->wal_keys());  // old pair lacks a wrap
  EXPECT_NE(both.data->id, first);
  EXPECT_EQ(wraps_of(world, both.data->id).size(), 2u);
}

TEST(KeyRing, DoesNotBelieveTheHint) {
  SampleWorld world;
  auto first = MUST(ring(world, {world.key.wrapper()})->wal_keys());
  auto path = world.state.path() + "/wal-keys-demo-1.json";
  auto hint = MUST(read_text_file(path));
  // The classes exchanged: data would be sealed under a key that writers may open.
  auto data = first.data->id.to_string();
  auto meta = first.meta->id.to_string();
  auto swapped = hint;
  swapped.replace(hint.find(data), 32, meta);
  swapped.replace(hint.find(meta), 32, data);
  for (const auto& text : {swapped, std::string("{"), std::string(), std::string(10'000, 'x'), std::string("[]")}) {
    MUST(replace_file(path, as_bytes(text), 0600));
    auto keys = MUST(ring(world, {world.key.wrapper()})->wal_keys());
    EXPECT_NE(keys.data->id, first.data->id);
    EXPECT_EQ(keys.data->key_class, crypto::KeyClass::data);
    MUST(remove_tree(path));
  }
}

TEST(KeyRing, GivesAllThreadsTheSameWalKeys) {
  SampleWorld world;
  auto keys = ring(world, {world.key.wrapper()}, false);
  std::mutex mutex;
  std::set<crypto::KeyId> seen;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        auto pair = keys->wal_keys();
        std::lock_guard lock(mutex);
        if (pair) seen.insert(pair->data->id);
      });
    }
  }
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(world.memory.keys().size(), 2u);
}

}  // namespace
}  // namespace spendsync::repository
