#include "storage/directory/directory_store.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "storage/testing/store_contract.h"

namespace spendsync::storage {
namespace {

struct DirectoryFactory {
  TemporaryDirectory directory = MUST(TemporaryDirectory::create(testing::TempDir(), "directory-store-"));
  std::string root = directory.path() + "/store";
  std::unique_ptr<DirectoryStore> directory_store = MUST(DirectoryStore::open({root, true}));
  ObjectStore& store() { return *directory_store; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Directory, StoreContract, DirectoryFactory);

constexpr uid_t kOtherUser = 65534;

class DirectoryStoreTest : public testing::Test {
 protected:
  std::string at(const std::string& relative) const { return factory_.root + "/" + relative; }
  ObjectStore& store() { return factory_.store(); }
  void put(std::string_view key) { ASSERT_OK(store().put_if_absent(key_of(key), as_bytes("content"))); }
  Result<void> list_all() {
    return store().list("", "", [](const ObjectInfo&) { return ok(); });
  }
  mode_t mode_of(const std::string& path) {
    struct stat attributes {};
    EXPECT_EQ(lstat(path.c_str(), &attributes), 0) << path;
    return attributes.st_mode & 07777;
  }
  /// Everything below the root that is a file, whatever its name.
  size_t files_below(const std::string& path) {
    size_t count = 0;
    for (const auto& name : MUST(list_directory(path))) {
      struct stat attributes {};
      EXPECT_EQ(lstat((path + "/" + name).c_str(), &attributes), 0);
      count += S_ISDIR(attributes.st_mode) ? files_below(path + "/" + name) : 1;
    }
    return count;
  }
  DirectoryFactory factory_;
};

TEST_F(DirectoryStoreTest, KeepsFilesAndDirectoriesPrivate) {
  umask(0);  // the worst one
  put("a/b/c");
  umask(077);
  EXPECT_EQ(mode_of(factory_.root), 0700u);
  EXPECT_EQ(mode_of(at("a")), 0700u);
  EXPECT_EQ(mode_of(at("a/b")), 0700u);
  EXPECT_EQ(mode_of(at("a/b/c")), 0600u);
}

TEST_F(DirectoryStoreTest, MakesItsRootOnlyWhenAllowed) {
  auto missing = factory_.directory.path() + "/not/there";
  EXPECT_KIND(DirectoryStore::open({missing, false}), ErrorKind::not_found);
  EXPECT_FALSE(exists(factory_.directory.path() + "/not"));
  auto made = DirectoryStore::open({missing + "//", true});
  ASSERT_OK(made);
  EXPECT_EQ((*made)->description(), missing);
  EXPECT_EQ(mode_of(missing), 0700u);
  EXPECT_OK(DirectoryStore::open({missing, false}));
}

TEST_F(DirectoryStoreTest, RefusesARootThatIsALinkOrAFile) {
  auto link = factory_.directory.path() + "/link";
  ASSERT_EQ(symlink(factory_.root.c_str(), link.c_str()), 0);
  EXPECT_KIND(DirectoryStore::open({link, true}), ErrorKind::refused);
  EXPECT_KIND(DirectoryStore::open({link + "/", true}), ErrorKind::refused);
  auto file = factory_.directory.path() + "/file";
  ASSERT_OK(replace_file(file, {}, 0600));
  EXPECT_KIND(DirectoryStore::open({file, true}), ErrorKind::refused);
}

TEST_F(DirectoryStoreTest, RefusesARootThatOthersMayWrite) {
  ASSERT_EQ(chmod(factory_.root.c_str(), 0770), 0);
  auto refused = DirectoryStore::open({factory_.root, true});
  EXPECT_KIND(refused, ErrorKind::refused);
  EXPECT_EQ(refused.error().hint(), "chmod go-w " + factory_.root);
  ASSERT_EQ(chmod(factory_.root.c_str(), 0750), 0);
  EXPECT_OK(DirectoryStore::open({factory_.root, true}));
}

TEST_F(DirectoryStoreTest, RefusesForeignOwnersOfRootDirectoryAndObject) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  put("a/b");
  ASSERT_EQ(chown(at("a/b").c_str(), kOtherUser, kOtherUser), 0);
  EXPECT_KIND(store().get(key_of("a/b"), 100), ErrorKind::refused);
  EXPECT_KIND(store().stat(key_of("a/b")), ErrorKind::refused);
  EXPECT_KIND(store().remove(key_of("a/b")), ErrorKind::refused);
  EXPECT_KIND(list_all(), ErrorKind::refused);
  ASSERT_EQ(chown(at("a/b").c_str(), 0, 0), 0);
  ASSERT_EQ(chown(at("a").c_str(), kOtherUser, kOtherUser), 0);
  EXPECT_KIND(store().get(key_of("a/b"), 100), ErrorKind::refused);
  EXPECT_KIND(store().put_if_absent(key_of("a/c"), {}), ErrorKind::refused);
  EXPECT_KIND(list_all(), ErrorKind::refused);
  ASSERT_EQ(chown(at("a").c_str(), 0, 0), 0);
  EXPECT_OK(store().get(key_of("a/b"), 100));
  ASSERT_EQ(chown(factory_.root.c_str(), kOtherUser, kOtherUser), 0);
  EXPECT_KIND(DirectoryStore::open({factory_.root, true}), ErrorKind::refused);
}

TEST_F(DirectoryStoreTest, NeverFollowsALinkedDirectory) {
  auto outside = factory_.directory.path() + "/outside";
  ASSERT_OK(make_directories(outside, 0700));
  ASSERT_OK(replace_file(outside + "/secret", as_bytes("secret"), 0600));
  ASSERT_EQ(symlink(outside.c_str(), at("a").c_str()), 0);
  Bytes out(1);
  EXPECT_KIND(store().get(key_of("a/secret"), 100), ErrorKind::refused);
  EXPECT_KIND(store().get_range(key_of("a/secret"), 0, out), ErrorKind::refused);
  EXPECT_KIND(store().stat(key_of("a/secret")), ErrorKind::refused);
  EXPECT_KIND(store().put_if_absent(key_of("a/new"), as_bytes("x")), ErrorKind::refused);
  EXPECT_KIND(store().remove(key_of("a/secret")), ErrorKind::refused);
  EXPECT_KIND(list_all(), ErrorKind::refused);
  EXPECT_KIND(store().list_level(""), ErrorKind::refused);
  EXPECT_THAT(MUST(list_directory(outside)), testing::ElementsAre("secret"));
}

TEST_F(DirectoryStoreTest, NeverFollowsALinkedObject) {
  put("a/real");
  ASSERT_EQ(symlink("real", at("a/link").c_str()), 0);
  EXPECT_KIND(store().get(key_of("a/link"), 100), ErrorKind::refused);
  EXPECT_KIND(store().stat(key_of("a/link")), ErrorKind::refused);
  EXPECT_KIND(store().remove(key_of("a/link")), ErrorKind::refused);
  EXPECT_KIND(store().put_if_absent(key_of("a/link"), as_bytes("x")), ErrorKind::conflict);
  EXPECT_KIND(list_all(), ErrorKind::refused);
  EXPECT_OK(store().get(key_of("a/real"), 100));
}

TEST_F(DirectoryStoreTest, NeverWaitsForAPipe) {
  put("a/real");
  ASSERT_EQ(mkfifo(at("a/pipe").c_str(), 0600), 0);
  EXPECT_KIND(store().get(key_of("a/pipe"), 100), ErrorKind::refused);
  EXPECT_KIND(list_all(), ErrorKind::refused);
}

TEST_F(DirectoryStoreTest, RefusesAnObjectThatOthersMayWrite) {
  put("a/b");
  ASSERT_EQ(chmod(at("a/b").c_str(), 0620), 0);
  EXPECT_KIND(store().get(key_of("a/b"), 100), ErrorKind::refused);
}

TEST_F(DirectoryStoreTest, PassesOverNamesThatNoObjectHas) {
  put("a/b");
  ASSERT_OK(make_directories(at("lost+found"), 0700));
  ASSERT_OK(replace_file(at("a/b~"), {}, 0600));
  EXPECT_THAT(listed(store(), ""), testing::ElementsAre("a/b"));
  EXPECT_THAT(MUST(store().list_level("")), testing::ElementsAre("a/"));
  EXPECT_THAT(MUST(store().list_level("a/")), testing::ElementsAre("b"));
}

TEST_F(DirectoryStoreTest, NeverListsAnEmptyDirectory) {
  ASSERT_OK(make_directories(at("left/over"), 0700));
  EXPECT_TRUE(MUST(store().list_level("")).empty());
  EXPECT_TRUE(listed(store(), "").empty());
  put("left/over/object");
  EXPECT_THAT(MUST(store().list_level("")), testing::ElementsAre("left/"));
}

TEST_F(DirectoryStoreTest, RemovesEmptyDirectoriesButNotTheRoot) {
  put("a/b/c");
  ASSERT_OK(store().remove(key_of("a/b/c")));
  EXPECT_FALSE(exists(at("a")));
  EXPECT_TRUE(exists(factory_.root));
}

TEST_F(DirectoryStoreTest, TellsObjectAndFolderOfOneNameApart) {
  put("a");
  EXPECT_KIND(store().put_if_absent(key_of("a/b"), {}), ErrorKind::conflict);
  put("c/d");
  EXPECT_KIND(store().put_if_absent(key_of("c"), {}), ErrorKind::conflict);
}

TEST_F(DirectoryStoreTest, IsSeenByAnotherStoreAtOnce) {
  auto other = MUST(DirectoryStore::open({factory_.root, false}));
  put("a/b");
  EXPECT_EQ(as_text(MUST(other->get(key_of("a/b"), 100))), "content");
  EXPECT_KIND(other->put_if_absent(key_of("a/b"), {}), ErrorKind::already_exists);
  ASSERT_OK(other->remove(key_of("a/b")));
  put("a/b");  // the directories were pruned by the other one
  EXPECT_OK(other->stat(key_of("a/b")));
}

TEST_F(DirectoryStoreTest, TellsItsFreeSpace) {
  auto free = MUST(store().free_space());
  ASSERT_TRUE(free.has_value());
  EXPECT_GT(*free, 0u);
}

TEST_F(DirectoryStoreTest, StaysUnfinishedAfterAFailedAppend) {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  ASSERT_EQ(sigaction(SIGXFSZ, &ignore, &before), 0);
  pid_t child = fork();
  if (child == 0) {  // the limit on file sizes cannot be raised again, so a process of its own bears it
    rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto upload = store().begin_upload(key_of("torn"), 0);
    bool torn = upload && !(*upload)->append(pattern(10'000, 1));
    bool kept_out = torn && !(*upload)->append(as_bytes("x")) && !(*upload)->finish();
    _exit(kept_out ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(sigaction(SIGXFSZ, &before, nullptr), 0);
  EXPECT_EQ(status, 0);
  EXPECT_KIND(store().stat(key_of("torn")), ErrorKind::not_found);
}

TEST_F(DirectoryStoreTest, LeavesNothingOfAKilledProcess) {
  put("kept/object");
  for (size_t size : {size_t{1}, size_t{200'000}, size_t{20'000'000}}) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
      auto upload = store().begin_upload(key_of("packs/torn"), size);
      bool appended = upload && (*upload)->append(pattern(size, 1));
      [[maybe_unused]] auto told = write(ready[1], appended ? "y" : "n", 1);
      while (true) pause();  // killed with the upload open
    }
    close(ready[1]);
    char answer = 0;
    ASSERT_EQ(read(ready[0], &answer, 1), 1);
    close(ready[0]);
    EXPECT_EQ(answer, 'y');
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    EXPECT_THAT(listed(store(), ""), testing::ElementsAre("kept/object"));
    EXPECT_EQ(files_below(factory_.root), 1u);
  }
}

TEST_F(DirectoryStoreTest, ShowsWholeObjectsOnlyWhenKilledAtAnyMoment) {
  constexpr size_t kSize = 100'000;
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0;; ++i) {
      auto key = ObjectKey::parse("run/" + std::to_string(i % 5) + "/" + std::to_string(i));
      if (!store().put_if_absent(*key, pattern(kSize, static_cast<uint8_t>(i)))) _exit(1);
    }
  }
  while (listed(store(), "run/").size() < 20) std::this_thread::yield();
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  auto keys = listed(store(), "run/");
  EXPECT_EQ(files_below(factory_.root), keys.size());
  for (const auto& key : keys) {
    auto number = std::stoi(key.substr(key.find_last_of('/') + 1));
    EXPECT_EQ(MUST(store().get(key_of(key), kSize)), pattern(kSize, static_cast<uint8_t>(number))) << key;
  }
}

/// A file system of 1 MiB, where the test may mount one.
TEST(DirectoryStoreOnAFullDisk, SaysExhaustedAndLeavesNothing) {
  auto directory = MUST(TemporaryDirectory::create(testing::TempDir(), "full-disk-"));
  auto path = directory.path() + "/mount";
  ASSERT_OK(make_directories(path, 0700));
  if (mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
    GTEST_SKIP() << "this user may not mount a small file system";
  }
  {
    auto store = MUST(DirectoryStore::open({path, false}));
    ASSERT_OK(store->put_if_absent(key_of("small"), pattern(1000, 1)));
    auto full = store->put_if_absent(key_of("big"), pattern(2'000'000, 1));
    EXPECT_KIND(full, ErrorKind::exhausted);
    EXPECT_THAT(full.error().message(), testing::HasSubstr(path + "/big"));
    EXPECT_THAT(full.error().hint(), testing::HasSubstr("df -h " + path));
    EXPECT_THAT(listed(*store, ""), testing::ElementsAre("small"));
    EXPECT_OK(store->put_if_absent(key_of("fits"), pattern(500'000, 1)));  // what failed holds no space
  }
  EXPECT_EQ(umount2(path.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace spendsync::storage
