#include "restore/existing_tree.h"

#include <unistd.h>

#include "base/testing.h"

namespace spendsync::restore {
namespace {

class ExistingTreeTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  void write(const std::string& name, std::string_view text) {
    MUST(make_directories(path(name.substr(0, name.find_last_of('/'))), 0700));
    MUST(replace_file(path(name), as_bytes(text), 0600));
  }
  ExistingTree open(const ExistingTree::IsOurs& is_ours = [](const std::string&) { return true; }) {
    tree_.emplace(MUST(BeneathTree::open(directory_.path() + "/tree")));
    return {*tree_, is_ours};
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "existing-tree-"));
  std::optional<BeneathTree> tree_;
};

TEST_F(ExistingTreeTest, KeepsWhatTheBackupHasAndRemovesTheRest) {
  write("tree/base/5/16384", "old");
  write("tree/base/5/16999", "gone since");
  write("tree/base/6/1", "dropped database");
  write("tree/marker", "kept");
  auto tree = open();
  MUST(tree.make_directory("base/5", 0700));
  auto found = MUST(tree.open_file("base/5/16384", {}));
  EXPECT_TRUE(found.found);
  EXPECT_FALSE(MUST(tree.open_file("base/5/16385", {})).found);
  MUST(tree.keep("marker"));
  EXPECT_EQ(MUST(tree.remove_rest()), 2u);
  EXPECT_EQ(MUST(list_directory(path("tree/base"))), std::vector<std::string>{"5"});
  EXPECT_EQ(MUST(list_directory(path("tree/base/5"))), (std::vector<std::string>{"16384", "16385"}));
  EXPECT_EQ(MUST(read_text_file(path("tree/base/5/16384"))), "old");
  EXPECT_TRUE(exists(path("tree/marker")));
}

TEST_F(ExistingTreeTest, NeverWritesThroughLinksOrSharedFiles) {
  write("outside/shared", "another cluster's");
  write("outside/through", "outside");
  write("tree/plain", "");
  ASSERT_EQ(::link(path("outside/shared").c_str(), path("tree/shared").c_str()), 0);
  ASSERT_EQ(::symlink(path("outside").c_str(), path("tree/pg_wal").c_str()), 0);
  auto tree = open();
  MUST(tree.remove_foreign());
  EXPECT_FALSE(MUST(tree.open_file("shared", {})).found);
  EXPECT_FALSE(MUST(tree.open_file("pg_wal/through", {})).found);
  EXPECT_TRUE(MUST(tree.open_file("plain", {})).found);
  EXPECT_EQ(MUST(read_text_file(path("outside/shared"))), "another cluster's");
  EXPECT_EQ(MUST(read_text_file(path("outside/through"))), "outside");
}

TEST_F(ExistingTreeTest, MakesWayWhereTheTypeIsAnotherOne) {
  write("tree/file/below", "a directory where a file should be");
  write("tree/directory", "a file where a directory should be");
  auto tree = open();
  EXPECT_FALSE(MUST(tree.open_file("file", {})).found);
  EXPECT_FALSE(MUST(tree.open_file("directory/below", {})).found);
}

TEST_F(ExistingTreeTest, RefusesABackupThatNamesSomethingTwice) {
  MUST(make_directories(path("tree"), 0700));
  auto tree = open();
  MUST(tree.open_file("a", {}));
  EXPECT_KIND(tree.open_file("a", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_directory("a", 0700), ErrorKind::corrupt);
  MUST(tree.make_directory("b", 0700));
  EXPECT_KIND(tree.open_file("b", {}), ErrorKind::corrupt);
}

TEST_F(ExistingTreeTest, LeavesWhatBelongsToOthersAlone) {
  write("tree/PG_14_202107181/5/1", "another major version's");
  write("tree/PG_15_202209061/5/1", "ours, and not in the backup");
  auto tree = open([](const std::string& name) { return name == "PG_15_202209061"; });
  EXPECT_EQ(MUST(tree.remove_rest()), 1u);
  EXPECT_TRUE(exists(path("tree/PG_14_202107181/5/1")));
  EXPECT_FALSE(exists(path("tree/PG_15_202209061")));
}

}  // namespace
}  // namespace spendsync::restore
