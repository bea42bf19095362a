#include "repository/key_inventory.h"

#include <gmock/gmock.h>

#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

using testing::HasSubstr;

WrapperName name_of(crypto::KeyWrapper& wrapper) { return {wrapper.type(), wrapper.id()}; }

/// Seals and never opens, as an escrow key does.
class SealOnly final : public crypto::KeyWrapper {
 public:
  std::string type() const override { return "escrow"; }
  std::string id() const override { return "offline"; }
  bool can_open() const override { return false; }
  bool opens_locally() const override { return false; }
  bool is_offline() const override { return true; }
  Result<crypto::WrappedKey> wrap(const Secret&, const crypto::KeyContext& context) override {
    return crypto::WrappedKey{type(), id(), context, Timestamp{}, to_bytes("sealed")};
  }
  Result<Secret> unwrap(const crypto::WrappedKey&) override { return Error(ErrorKind::denied, "seals only"); }
};

class KeyInventoryTest : public testing::Test {
 protected:
  KeyInventoryTest() : repository_(world_.open()) {
    MUST(repository_->keys().create_pair("one"));
    MUST(repository_->keys().create_pair("two"));
  }
  /// The repository as a process with these wrappers opens it.
  std::unique_ptr<Repository> open_with(std::vector<crypto::KeyWrapper*> wrappers) {
    auto collaborators = world_.collaborators();
    collaborators.wrappers = std::move(wrappers);
    return MUST(Repository::open_for_reading(world_.settings, std::nullopt, std::move(collaborators)));
  }
  RewrapReport rewrap(std::vector<crypto::KeyWrapper*> openers, std::vector<crypto::KeyWrapper*> targets,
                      std::optional<WrapperName> retire = std::nullopt) {
    return MUST(rewrap_keys(*open_with(std::move(openers)), {std::move(targets), std::move(retire)}, {}));
  }
  /// How many of the six keys have a wrap of it.
  size_t wrapped_by(const WrapperName& name) {
    auto keys = MUST(read_key_inventory(*repository_, {}));
    return static_cast<size_t>(std::ranges::count_if(keys, [&](const auto& key) { return key.has(name); }));
  }

  SampleWorld world_;
  std::unique_ptr<Repository> repository_;  // with the pair of its identity: six keys
  SampleKey second_{world_.random, world_.clock};
  SealOnly escrow_;
};

TEST_F(KeyInventoryTest, TellsEveryKeyAndWhoWrappedIt) {
  auto keys = MUST(read_key_inventory(*repository_, {}));
  ASSERT_EQ(keys.size(), 6u);
  for (const auto& key : keys) {
    ASSERT_EQ(key.wraps.size(), 1u);
    ASSERT_NE(key.first(), nullptr);
    EXPECT_EQ(key.first()->wrapper(), name_of(*world_.key.wrapper()));
    EXPECT_EQ(key.first()->wrap->context.key_id, key.id);
    EXPECT_TRUE(key.has(name_of(*world_.key.wrapper())));
    EXPECT_FALSE(key.has(name_of(escrow_)));
  }
}

TEST_F(KeyInventoryTest, AddsTheWrapsThatAreMissingOnce) {
  std::vector<crypto::KeyWrapper*> all{world_.key.wrapper(), second_.wrapper(), &escrow_};
  auto report = rewrap(all, all);
  EXPECT_EQ(report.keys, 6u);
  EXPECT_EQ(report.added.at(name_of(*second_.wrapper())), 6u);
  EXPECT_EQ(report.added.at(name_of(escrow_)), 6u);
  EXPECT_EQ(report.added_total(), 12u);
  EXPECT_TRUE(report.complete());
  const auto objects = world_.memory.keys();
  EXPECT_EQ(rewrap(all, all).added_total(), 0u);
  EXPECT_EQ(world_.memory.keys(), objects) << "a second run writes nothing";
  auto other = open_with({second_.wrapper()});  // opens the identity, and with it every key
  for (const auto& key : MUST(read_key_inventory(*other, {}))) {
    auto mine = MUST(repository_->keys().find(key.id));
    auto theirs = MUST(other->keys().find(key.id));
    EXPECT_TRUE(std::ranges::equal(mine->secret.view(), theirs->secret.view()));
    EXPECT_EQ(mine->key_class, theirs->key_class);
  }
}

TEST_F(KeyInventoryTest, CompletesWhatAnInterruptedRunLeft) {
  std::vector<crypto::KeyWrapper*> both{world_.key.wrapper(), second_.wrapper()};
  rewrap(both, both);
  auto keys = MUST(read_key_inventory(*repository_, {}));
  for (const auto& entry : keys[2].wraps) {
    if (entry.wrapper() == name_of(*second_.wrapper())) MUST(world_.memory.remove(entry.object));
  }
  auto report = rewrap(both, both);
  EXPECT_EQ(report.added_total(), 1u);
  EXPECT_EQ(wrapped_by(name_of(*second_.wrapper())), 6u);
}

TEST_F(KeyInventoryTest, PutsANewWrapBesideADamagedOne) {
  std::vector<crypto::KeyWrapper*> both{world_.key.wrapper(), second_.wrapper()};
  rewrap(both, both);
  auto keys = MUST(read_key_inventory(*repository_, {}));
  for (const auto& entry : keys[1].wraps) {
    if (entry.wrapper() != name_of(*second_.wrapper())) continue;
    auto forged = *entry.wrap;
    forged.wrapped[40] ^= std::byte{1};  // with a checksum that fits
    world_.memory.overwrite(entry.object, crypto::encode(forged));
  }
  auto report = rewrap(both, both);
  EXPECT_EQ(report.added_total(), 1u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_OK(open_with({second_.wrapper()})->keys().find(keys[1].id));
}

TEST_F(KeyInventoryTest, NamesTheKeysThatNothingHereOpens) {
  auto keys = MUST(read_key_inventory(*repository_, {}));
  auto identity = MUST(world_.memory.get(repository_->layout().identity(), 1u << 20));
  auto meta = MUST(crypto::read_stream_header(identity)).key_id;
  size_t lost = keys[0].id == meta ? 1 : 0;
  auto stranger = SampleKey(world_.random, world_.clock);
  auto wrapped = MUST(stranger.wrapper()->wrap(Secret{}, keys[lost].wraps[0].wrap->context));
  world_.memory.overwrite(keys[lost].wraps[0].object, crypto::encode(wrapped));
  auto report = rewrap({world_.key.wrapper()}, {world_.key.wrapper(), second_.wrapper()});
  EXPECT_EQ(report.added_total(), 5u);
  ASSERT_EQ(report.closed.size(), 1u);
  EXPECT_EQ(report.closed[0].first, keys[lost].id);
  EXPECT_THAT(report.closed[0].second, HasSubstr(stranger.wrapper()->id()));
  EXPECT_FALSE(report.complete());
}

TEST_F(KeyInventoryTest, RetiresAnOldKeyOnlyWhereAnotherOpens) {
  auto old = name_of(*world_.key.wrapper());
  std::vector<crypto::KeyWrapper*> both{world_.key.wrapper(), second_.wrapper()};
  EXPECT_KIND(rewrap_keys(*open_with(both), {both, old}, {}), ErrorKind::refused);
  EXPECT_KIND(rewrap_keys(*open_with(both), {{&escrow_}, old}, {}), ErrorKind::refused);
  EXPECT_EQ(wrapped_by(old), 6u);

  auto report = rewrap(both, {second_.wrapper(), &escrow_}, old);
  EXPECT_EQ(report.retired, 6u);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(wrapped_by(old), 0u);
  EXPECT_FALSE(Repository::open_for_reading(world_.settings, std::nullopt, world_.collaborators()).has_value());
  auto fresh = open_with({second_.wrapper()});
  for (const auto& key : MUST(read_key_inventory(*fresh, {}))) EXPECT_OK(fresh->keys().find(key.id));
  size_t tombstones = 0;
  for (const auto& object : world_.memory.keys()) {
    if (object.text().find("/tombstones/keys/") != std::string::npos) ++tombstones;
  }
  EXPECT_EQ(tombstones, 6u);
}

TEST_F(KeyInventoryTest, KeepsAnOldWrapThatNoOtherCouldReplace) {
  auto old = name_of(*world_.key.wrapper());
  // Every new wrap is damaged on its way: nothing but the old one opens.
  class Garbling final : public crypto::KeyWrapper {
   public:
    explicit Garbling(crypto::KeyWrapper& inner) : inner_(inner) {}
    std::string type() const override { return inner_.type(); }
    std::string id() const override { return inner_.id(); }
    bool can_open() const override { return true; }
    bool opens_locally() const override { return true; }
    Result<crypto::WrappedKey> wrap(const Secret& key, const crypto::KeyContext& context) override {
      auto wrapped = TRY(inner_.wrap(key, context));
      wrapped.wrapped[40] ^= std::byte{1};
      return wrapped;
    }
    Result<Secret> unwrap(const crypto::WrappedKey& wrapped) override { return inner_.unwrap(wrapped); }

   private:
    crypto::KeyWrapper& inner_;
  } garbling(*second_.wrapper());
  auto report = rewrap({world_.key.wrapper()}, {&garbling}, old);
  EXPECT_EQ(report.retired, 0u);
  EXPECT_EQ(report.not_retired.size(), 6u);
  EXPECT_EQ(wrapped_by(old), 6u);
}

TEST_F(KeyInventoryTest, ARetiredWrapThatStillLiesThereCountsForNothing) {
  auto old = name_of(*world_.key.wrapper());
  std::vector<crypto::KeyWrapper*> both{world_.key.wrapper(), second_.wrapper()};
  auto before = MUST(read_key_inventory(*repository_, {}));
  rewrap(both, {second_.wrapper()}, old);
  const auto& entry = before[3].wraps[0];
  MUST(world_.memory.put_if_absent(entry.object, crypto::encode(*entry.wrap)));  // a store that keeps what is locked
  auto other = open_with({second_.wrapper()});
  auto after = MUST(read_key_inventory(*other, {}));
  EXPECT_FALSE(after[3].has(old));
  auto retired = std::ranges::count_if(after[3].wraps, [](const auto& wrap) { return wrap.retired; });
  EXPECT_EQ(retired, 1);
}

}  // namespace
}  // namespace spendsync::repository
