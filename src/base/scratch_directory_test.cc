#include "base/scratch_directory.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/testing.h"

namespace spendsync {
namespace {

class ScratchDirectoryTest : public ::testing::Test {
 protected:
  Result<ScratchDirectory> create() const { return ScratchDirectory::create(parent_.path(), "work-"); }
  std::string path(const std::string& name) const { return parent_.path() + "/" + name; }
  /// As a run leaves it that was killed two hours ago.
  void leave(const std::string& name) const {
    MUST(make_directories(path(name) + "/sub", 0700));
    make_old(path(name));
  }
  static void make_old(const std::string& place) {
    const timespec two_hours_ago{::time(nullptr) - 7200, 0};
    const timespec times[] = {two_hours_ago, two_hours_ago};
    ASSERT_EQ(::utimensat(AT_FDCWD, place.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

  TemporaryDirectory parent_ = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
};

TEST_F(ScratchDirectoryTest, IsPrivateAndGoesWithItsObject) {
  std::string where;
  {
    const auto made = MUST(create());
    where = made.path();
    EXPECT_TRUE(where.starts_with(path("work-"))) << where;
    struct stat status {};
    ASSERT_EQ(::stat(where.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, 0700u);
    MUST(make_directories(where + "/sub", 0700));
  }
  EXPECT_FALSE(exists(where));
}

TEST_F(ScratchDirectoryTest, WhatAKilledRunLeftIsRemovedByTheNextOne) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto made = create();
    ::_exit(made ? 0 : 1);  // its destructors do not run
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto left = MUST(list_directory(parent_.path()));
  ASSERT_EQ(left.size(), 1u);
  make_old(path(left.front()));
  const auto made = MUST(create());
  EXPECT_FALSE(exists(path(left.front())));
}

TEST_F(ScratchDirectoryTest, NeverRemovesWhatIsInUseNewOrSomethingElse) {
  const auto in_use = MUST(create());
  make_old(in_use.path());
  MUST(make_directories(path("work-fresh1"), 0700));
  leave("work-abcdef-kept");
  leave("other-abcdef");
  leave("target");
  ASSERT_EQ(::symlink(path("target").c_str(), path("work-link12").c_str()), 0);
  make_old(path("work-link12"));
  leave("work-server");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::chdir((path("work-server") + "/sub").c_str()) == 0) ::pause();
    ::_exit(1);
  }
  while (std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", child)) != path("work-server") + "/sub")
    ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0);
  const auto before = MUST(list_directory(parent_.path()));
  {
    const auto made = MUST(create());
    EXPECT_EQ(MUST(list_directory(parent_.path())).size(), before.size() + 1);
  }
  EXPECT_EQ(MUST(list_directory(parent_.path())), before);
  EXPECT_TRUE(exists(path("target/sub")));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto made = MUST(create());
  EXPECT_FALSE(exists(path("work-server")));
}

TEST_F(ScratchDirectoryTest, NeverRemovesWhatBelongsToAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a directory of another user";
  leave("work-abcdef");
  ASSERT_EQ(::chown(path("work-abcdef").c_str(), 12345, 12345), 0);
  const auto made = MUST(create());
  EXPECT_TRUE(exists(path("work-abcdef")));
}

TEST_F(ScratchDirectoryTest, ManyMakersAtOnceHaveOneEach) {
  constexpr int kMakers = 8;
  std::vector<std::jthread> makers;
  std::atomic<int> lost = 0;
  for (int i = 0; i < kMakers; ++i) {
    makers.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) {
        auto made = create();
        if (!made || !exists(made->path())) ++lost;
      }
    });
  }
  makers.clear();
  EXPECT_EQ(lost, 0);
  EXPECT_THAT(MUST(list_directory(parent_.path())), ::testing::IsEmpty());
}

}  // namespace
}  // namespace spendsync
