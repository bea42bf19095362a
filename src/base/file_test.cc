#include "base/file.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/clock.h"
#include "base/testing.h"

namespace spendsync {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileTest : public testing::Test {
 protected:
  std::string path(std::string_view name) const { return directory_.path() + "/" + std::string(name); }
  void write(std::string_view name, std::string_view text) {
    ASSERT_OK(replace_file(path(name), as_bytes(text), 0600));
  }
  std::string content(std::string_view name) { return MUST(read_text_file(path(name))); }
  Fd open_root() { return MUST(open_file(directory_.path(), O_RDONLY | O_DIRECTORY)); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create(testing::TempDir(), "base_file_"));
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

int open_descriptors() { return static_cast<int>(MUST(list_directory("/proc/self/fd")).size()); }

TEST_F(FileTest, FdClosesWhatItOwns) {
  int before = open_descriptors();
  {
    Fd first = MUST(open_file("/dev/null", O_RDONLY));
    Fd second = std::move(first);
    EXPECT_FALSE(first);  // NOLINT: moved-from is defined here
    first = MUST(open_file("/dev/null", O_RDONLY));
    second = std::move(first);
    EXPECT_EQ(open_descriptors(), before + 1);
    EXPECT_OK(second.close());
    EXPECT_OK(second.close());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(FileTest, OpenedFilesAreClosedOnExec) {
  Fd file = MUST(open_file("/dev/null", O_RDONLY));
  EXPECT_NE(fcntl(file.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(MUST(open_beneath(open_root(), ".", O_RDONLY)).get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileTest, ErrorsNameThePath) {
  auto missing = open_file(path("missing"), O_RDONLY);
  EXPECT_KIND(missing, ErrorKind::not_found);
  EXPECT_THAT(missing.error().message(), HasSubstr(path("missing")));
}

TEST_F(FileTest, BeneathOpensWhatIsInside) {
  ASSERT_OK(make_directories(path("a/b"), 0700));
  write("a/b/file", "inside");
  Fd file = MUST(open_beneath(open_root(), "a/b/file", O_RDONLY));
  Bytes bytes(6);
  EXPECT_EQ(MUST(read_at(file, 0, bytes, "file")), 6u);
  EXPECT_EQ(as_text(bytes), "inside");
  Fd made = MUST(open_beneath(open_root(), "a/new", O_WRONLY | O_CREAT | O_EXCL, 0640));
  EXPECT_TRUE(exists(path("a/new")));
}

TEST_F(FileTest, BeneathRefusesLinksAndEveryWayOut) {
  ASSERT_OK(make_directories(path("inside"), 0700));
  write("outside", "secret");
  ASSERT_EQ(symlink("../outside", path("inside/link").c_str()), 0);
  ASSERT_EQ(symlink("..", path("inside/up").c_str()), 0);
  ASSERT_EQ(symlink("file", path("inside/harmless").c_str()), 0);
  write("inside/file", "x");
  Fd inside = MUST(open_file(path("inside"), O_RDONLY | O_DIRECTORY));
  for (std::string name : {"link", "up/outside", "harmless", "..", "../outside", "/etc/passwd", "/"}) {
    SCOPED_TRACE(name);
    EXPECT_KIND(open_beneath(inside, name, O_RDONLY), ErrorKind::refused);
  }
  EXPECT_KIND(open_beneath(inside, "../created", O_WRONLY | O_CREAT), ErrorKind::refused);
  EXPECT_FALSE(exists(path("created")));
  EXPECT_KIND(open_beneath(inside, "missing", O_RDONLY), ErrorKind::not_found);
}

TEST_F(FileTest, ReadsAndWritesAtOffsets) {
  Fd file = MUST(open_file(path("data"), O_RDWR | O_CREAT));
  ASSERT_OK(write_at(file, 3, as_bytes("def"), "data"));
  ASSERT_OK(write_at(file, 0, as_bytes("abc"), "data"));
  Bytes bytes(10, std::byte{'-'});
  EXPECT_EQ(MUST(read_at(file, 1, bytes, "data")), 5u);
  EXPECT_EQ(as_text(bytes), "bcdef-----");
  EXPECT_EQ(MUST(read_at(file, 100, bytes, "data")), 0u);
  EXPECT_OK(sync_file(file, "data"));
}

TEST_F(FileTest, WriteErrorsAreReported) {
  Fd full = MUST(open_file("/dev/full", O_WRONLY));
  auto result = write_all(full, as_bytes("x"), "the full device");
  EXPECT_KIND(result, ErrorKind::exhausted);
  EXPECT_THAT(result.error().message(), HasSubstr("the full device"));
}

TEST_F(FileTest, ReadsWholeFilesUpToALimit) {
  Bytes data(300'000);
  SeededRandom(3).fill(data);
  ASSERT_OK(replace_file(path("data"), data, 0600));
  EXPECT_EQ(MUST(read_file(path("data"))), data);
  EXPECT_EQ(MUST(read_file(path("data"), data.size())), data);
  EXPECT_KIND(read_file(path("data"), data.size() - 1), ErrorKind::exhausted);
  write("empty", "");
  EXPECT_TRUE(MUST(read_file(path("empty"), 0)).empty());
  EXPECT_THAT(MUST(read_text_file("/proc/self/stat")), HasSubstr("("));  // says its size is 0
}

TEST_F(FileTest, ReplacingIsExactInContentAndMode) {
  umask(077);
  write("file", "old and longer");
  ASSERT_OK(replace_file(path("file"), as_bytes("new"), 0644));
  EXPECT_EQ(content("file"), "new");
  EXPECT_EQ(mode_of(path("file")), 0644u);
  EXPECT_THAT(MUST(list_directory(directory_.path())), ElementsAre("file"));
}

TEST_F(FileTest, AFailedReplacementLeavesTheOldFileAndNothingElse) {
  write("file", "old");
  // A limit on the file size stands for a full disk.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  auto* former = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  auto result = replace_file(path("file"), Bytes(1000), 0600);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, former);
  EXPECT_KIND(result, ErrorKind::exhausted);
  EXPECT_EQ(content("file"), "old");
  EXPECT_THAT(MUST(list_directory(directory_.path())), ElementsAre("file"));
}

TEST_F(FileTest, MakesDirectoriesWithTheModeItWasTold) {
  umask(077);
  ASSERT_OK(make_directories(path("a"), 0711));
  ASSERT_OK(make_directories(path("a/b/c/"), 0755));
  EXPECT_EQ(mode_of(path("a")), 0711u);
  EXPECT_EQ(mode_of(path("a/b")), 0755u);
  EXPECT_EQ(mode_of(path("a/b/c")), 0755u);
  write("file", "");
  EXPECT_KIND(make_directories(path("file"), 0700), ErrorKind::already_exists);
  EXPECT_KIND(make_directories("", 0700), ErrorKind::invalid);
}

TEST_F(FileTest, RemovesTreesButNeverFollowsLinks) {
  ASSERT_OK(make_directories(path("keep/deep"), 0700));
  write("keep/deep/file", "kept");
  ASSERT_OK(make_directories(path("tree/sub"), 0700));
  write("tree/sub/file", "x");
  ASSERT_EQ(symlink("../../keep", path("tree/sub/link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", path("tree/dangling").c_str()), 0);
  ASSERT_EQ(symlink("keep", path("toplink").c_str()), 0);
  ASSERT_OK(remove_tree(path("tree")));
  ASSERT_OK(remove_tree(path("toplink/")));
  EXPECT_THAT(MUST(list_directory(directory_.path())), ElementsAre("keep"));
  EXPECT_EQ(content("keep/deep/file"), "kept");
}

TEST_F(FileTest, RemovingWhatIsMissingIsSuccess) {
  EXPECT_OK(remove_tree(path("missing")));
  EXPECT_OK(remove_tree(path("missing/below")));
  for (std::string never : {"", "/", "//", ".", "..", "x/.."}) {
    SCOPED_TRACE(never);
    EXPECT_KIND(remove_tree(never), ErrorKind::refused);
  }
}

TEST_F(FileTest, ListsNamesSorted) {
  EXPECT_THAT(MUST(list_directory(directory_.path())), IsEmpty());
  write("b", "");
  write("a", "");
  write(".hidden", "");
  EXPECT_THAT(MUST(list_directory(directory_.path())), ElementsAre(".hidden", "a", "b"));
  EXPECT_KIND(list_directory(path("missing")), ErrorKind::not_found);
}

TEST_F(FileTest, ExistsMeansTheNameNotItsTarget) {
  ASSERT_EQ(symlink("nowhere", path("dangling").c_str()), 0);
  EXPECT_TRUE(exists(path("dangling")));
  EXPECT_FALSE(exists(path("missing")));
}

TEST_F(FileTest, KnowsTheFreeSpace) {
  EXPECT_GT(MUST(free_bytes(directory_.path())), 0u);
  EXPECT_KIND(free_bytes(path("missing")), ErrorKind::not_found);
}

TEST_F(FileTest, TemporaryDirectoriesGoWithTheirOwner) {
  std::string where;
  {
    TemporaryDirectory first = MUST(TemporaryDirectory::create(directory_.path(), "work-"));
    TemporaryDirectory moved = std::move(first);
    where = moved.path();
    EXPECT_EQ(mode_of(where), 0700u);
    ASSERT_OK(replace_file(where + "/file", as_bytes("x"), 0600));
  }
  EXPECT_FALSE(exists(where));
  EXPECT_KIND(TemporaryDirectory::create(path("missing"), "x"), ErrorKind::not_found);
}

}  // namespace
}  // namespace spendsync
