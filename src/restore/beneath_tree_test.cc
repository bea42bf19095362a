#include "restore/beneath_tree.h"

#include "base/testing.h"

namespace spendsync::restore {
namespace {

TEST(BeneathTree, MakesNothingOutside) {
  auto directory = MUST(TemporaryDirectory::create("/tmp", "beneath-"));
  auto root = directory.path() + "/root";
  MUST(make_directories(root, 0700));
  MUST(make_directories(directory.path() + "/outside", 0700));
  auto tree = MUST(BeneathTree::open(root));
  EXPECT_KIND(tree.create_file("../outside/x", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.create_file("/etc/ssb-never", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_directory("../outside/d", 0700), ErrorKind::corrupt);
  ASSERT_EQ(::symlink((directory.path() + "/outside").c_str(), (root + "/link").c_str()), 0);
  EXPECT_KIND(tree.create_file("link/x", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.create_file("link", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_directory("link", 0700), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_directory("link/d", 0700), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_symbolic_link("link/l", "x", 0700), ErrorKind::corrupt);
  EXPECT_KIND(tree.make_hard_link("link", "twin", 0700), ErrorKind::corrupt);
  EXPECT_TRUE(MUST(list_directory(directory.path() + "/outside")).empty());
}

TEST(BeneathTree, MakesWhatIsMissingAboveAndNothingTwice) {
  auto directory = MUST(TemporaryDirectory::create("/tmp", "beneath-"));
  auto tree = MUST(BeneathTree::open(directory.path()));
  Fd file = MUST(tree.create_file("a/b/c", {.file = 0640, .directory = 0750}));
  ASSERT_OK(write_all(file, as_bytes("text"), "c"));
  EXPECT_EQ(MUST(read_text_file(directory.path() + "/a/b/c")), "text");
  EXPECT_KIND(tree.create_file("a/b/c", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.create_file("a/b", {}), ErrorKind::corrupt);
  EXPECT_KIND(tree.create_file("a/b/c/d", {}), ErrorKind::corrupt);
  EXPECT_OK(tree.make_directory("a/b", 0700));
  EXPECT_OK(tree.make_hard_link("a/b/c", "a/twin", 0700));
  EXPECT_EQ(MUST(read_text_file(directory.path() + "/a/twin")), "text");
}

}  // namespace
}  // namespace spendsync::restore
