#include "repository/remembered.h"

#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"
#include "repository/chain.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::repository {
namespace {

std::vector<std::string> state_of(const SampleWorld& world) {
  std::vector<std::string> all;
  for (const auto& name : MUST(list_directory(world.state.path()))) {
    all.push_back(name + ": " + MUST(read_text_file(world.state.path() + "/" + name)));
  }
  return all;
}

/// A host that has seen one repository, and a second, empty place.
class Remembered : public ::testing::Test {
 protected:
  Remembered() {
    auto first = world_.open();
    id_ = first->id();
    MUST(make_sample_backup(*first, {}));
    state_ = state_of(world_);
    std::array<std::byte, 8> skipped{};
    elsewhere_.random.fill(skipped);  // its ids are other ones, its key is the same
    world_.store = &elsewhere_.memory;
  }
  SampleWorld world_;
  SampleWorld elsewhere_;
  std::string id_;
  std::vector<std::string> state_;
};

TEST_F(Remembered, AMissingRepositoryIsNotMadeAnew) {
  auto refused = world_.try_open();
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr(id_));
  EXPECT_THAT(refused.error().hint(), ::testing::HasSubstr("init --new-repository"));
  EXPECT_KIND(check_place(world_.settings, world_.collaborators()), ErrorKind::refused);
  EXPECT_KIND(Repository::adopt(world_.settings, world_.identity, world_.collaborators()), ErrorKind::refused);
  EXPECT_TRUE(elsewhere_.memory.keys().empty());
  EXPECT_EQ(state_of(world_), state_);
  world_.store = &world_.memory;
  EXPECT_OK(check_place(world_.settings, world_.collaborators()));
  EXPECT_EQ(world_.open()->id(), id_);
}

TEST_F(Remembered, AnotherRepositoryIsNotWrittenToNorRemembered) {
  auto other = elsewhere_.open();
  auto before = elsewhere_.memory.keys();
  auto refused = world_.try_open();
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_THAT(refused.error().message(), ::testing::HasSubstr(other->id()));
  EXPECT_EQ(elsewhere_.memory.keys(), before);
  auto read = world_.open_for_reading();
  remember(*read);
  remember_newest_seen(*read, {9, {"demo/manifest", {}}});
  EXPECT_EQ(state_of(world_), state_);
}

TEST_F(Remembered, OnceForgottenANewOneIsMadeAndRemembered) {
  EXPECT_EQ(MUST(forget_remembered(world_.settings)).size(), 2u);
  EXPECT_TRUE(state_of(world_).empty());
  EXPECT_FALSE(read_remembered(world_.settings));
  auto second = world_.open();
  EXPECT_EQ(read_remembered(world_.settings)->id, second->id());
  world_.store = &world_.memory;
  EXPECT_KIND(world_.try_open(), ErrorKind::refused);
}

TEST_F(Remembered, TheNewestRecordThatWasSeenIsMemoryEnough) {
  ASSERT_EQ(::unlink((world_.state.path() + "/repository-demo.json").c_str()), 0);  // what an older version has left
  EXPECT_EQ(read_remembered(world_.settings)->id, id_);
  EXPECT_KIND(world_.try_open(), ErrorKind::refused);
}

TEST_F(Remembered, AnotherClusterOfThisHostMayBegin) {
  world_.settings.cluster = world_.identity.cluster = "de";
  EXPECT_OK(world_.try_open());
  world_.settings.cluster = world_.identity.cluster = "demo-2";
  EXPECT_FALSE(read_remembered(world_.settings));
}

TEST(RememberedRepositoryTest, WithoutAStateDirectoryNothingIsKnown) {
  SampleWorld world;
  world.settings.state_directory = "";
  world.open();
  EXPECT_FALSE(read_remembered(world.settings));
  EXPECT_TRUE(MUST(forget_remembered(world.settings)).empty());
}

}  // namespace
}  // namespace spendsync::repository
