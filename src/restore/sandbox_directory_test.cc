#include "restore/sandbox_directory.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SandboxDirectoryTest : public ::testing::Test {
 protected:
  Result<SandboxDirectory> make() { return SandboxDirectory::make(parent_, clock_, log_, {}); }
  std::vector<std::string> names() { return MUST(list_directory(parent_)); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-sandbox-test-"));
  std::string parent_ = directory_.path() + "/made/on/demand";
  SystemClock clock_;
  Log log_{Log::Settings{.threshold = LogLevel::error}, clock_};
};

TEST_F(SandboxDirectoryTest, IsPrivateAndGoesWithItsObject) {
  {
    const auto sandbox = MUST(make());
    struct stat status {};
    ASSERT_EQ(::stat(sandbox.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777u, 0700u);
    MUST(make_directories(sandbox.data_directory() + "/base", 0700));
  }
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(SandboxDirectoryTest, LeavesThoseInUseAlone) {
  const auto first = MUST(make());
  const auto second = MUST(make());
  EXPECT_NE(first.path(), second.path());
  EXPECT_TRUE(exists(first.path()));
  EXPECT_EQ(names().size(), 2u);
}

TEST_F(SandboxDirectoryTest, RemovesWhatAKilledRunLeftAndNothingElse) {
  const auto left = parent_ + "/spendsync-sandbox-killed";
  MUST(make_directories(left + "/data", 0700));
  MUST(replace_file(left + "/sandbox.lock", {}, 0600));
  MUST(make_directories(parent_ + "/spendsync-sandbox-without-a-lock", 0700));
  MUST(make_directories(parent_ + "/20260101T000000Z-full-restored", 0700));
  ASSERT_EQ(::symlink(directory_.path().c_str(), (parent_ + "/spendsync-sandbox-link").c_str()), 0);
  { const auto sandbox = MUST(make()); }
  EXPECT_THAT(names(), ElementsAre("20260101T000000Z-full-restored", "spendsync-sandbox-link",
                                   "spendsync-sandbox-without-a-lock"));
}

TEST_F(SandboxDirectoryTest, KeepsWhatMayStillHaveAServer) {
  const auto left = parent_ + "/spendsync-sandbox-killed";
  MUST(make_directories(left + "/data", 0700));
  MUST(replace_file(left + "/sandbox.lock", {}, 0600));
  MUST(replace_file(left + "/data/postmaster.pid", as_bytes(std::to_string(::getpid()) + "\n"), 0600));
  { const auto sandbox = MUST(make()); }
  EXPECT_TRUE(exists(left));
}

}  // namespace
}  // namespace spendsync::restore
