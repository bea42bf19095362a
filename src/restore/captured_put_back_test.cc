#include "restore/captured_put_back.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

using testing::HasSubstr;

class PutBackTest : public ::testing::Test {
 protected:
  std::string etc() const { return directory_.path() + "/etc"; }
  std::string staged() const { return directory_.path() + "/data.files"; }
  void write(const std::string& path, std::string_view text, mode_t mode = 0640) {
    MUST(make_directories(path.substr(0, path.find_last_of('/')), 0755));
    MUST(replace_file(path, as_bytes(text), mode));
  }
  std::string text(const std::string& path) { return MUST(read_text_file(path)); }
  PutBackReport put_back() {
    return MUST(put_back_captured({.staged = staged(),
                                   .kept = directory_.path() + "/kept",
                                   .sets = {{"keys", {etc()}}},
                                   .untouched = {etc() + "/own"}}));
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "put-back-"));
};

TEST_F(PutBackTest, ReplacesWhatDiffersKeepsTheOldAndTouchesNothingElse) {
  write(staged() + "/keys" + etc() + "/changed", "old");
  write(staged() + "/keys" + etc() + "/same", "same");
  write(staged() + "/keys" + etc() + "/sub/gone", "gone");
  ASSERT_EQ(::symlink("changed", (staged() + "/keys" + etc() + "/link").c_str()), 0);
  write(etc() + "/changed", "new", 0600);
  write(etc() + "/same", "same");
  write(etc() + "/newer", "newer");
  struct stat before {};
  ASSERT_EQ(::stat((etc() + "/same").c_str(), &before), 0);

  auto report = put_back();
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(report.created, 2u);
  EXPECT_EQ(report.identical, 1u);
  EXPECT_TRUE(report.left.empty());
  EXPECT_EQ(text(etc() + "/changed"), "old");
  EXPECT_EQ(text(etc() + "/sub/gone"), "gone");
  EXPECT_EQ(text(etc() + "/newer"), "newer");
  EXPECT_EQ(text(directory_.path() + "/kept" + etc() + "/changed"), "new");
  EXPECT_FALSE(exists(directory_.path() + "/kept" + etc() + "/same"));
  struct stat after {};
  ASSERT_EQ(::stat((etc() + "/same").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  ASSERT_EQ(::stat((etc() + "/changed").c_str(), &after), 0);
  EXPECT_EQ(after.st_mode & 07777u, 0640u);
  ASSERT_EQ(::lstat((etc() + "/link").c_str(), &after), 0);
  EXPECT_TRUE(S_ISLNK(after.st_mode));
  EXPECT_FALSE(exists(staged()));
}

TEST_F(PutBackTest, LeavesWhatIsTheProgramsOwnAndWhatTheConfigurationDoesNotName) {
  write(staged() + "/keys" + etc() + "/own/repository.key", "stolen");
  write(staged() + "/keys" + directory_.path() + "/elsewhere/file", "unnamed");
  write(staged() + "/other/file", "unknown set");
  write(etc() + "/own/repository.key", "mine");
  auto report = put_back();
  EXPECT_EQ(text(etc() + "/own/repository.key"), "mine");
  EXPECT_FALSE(exists(directory_.path() + "/elsewhere"));
  EXPECT_EQ(report.left.size(), 3u);
  EXPECT_TRUE(exists(staged() + "/keys" + etc() + "/own/repository.key"));
}

TEST_F(PutBackTest, NeverWritesThroughALink) {
  write(staged() + "/keys" + etc() + "/sub/file", "from the backup");
  write(directory_.path() + "/outside/file", "outside");
  MUST(make_directories(etc(), 0755));
  ASSERT_EQ(::symlink((directory_.path() + "/outside").c_str(), (etc() + "/sub").c_str()), 0);
  auto report = put_back();
  EXPECT_EQ(text(directory_.path() + "/outside/file"), "outside");
  EXPECT_FALSE(report.left.empty());
}

TEST_F(PutBackTest, AgainAfterAKillItKeepsTheFirstCopy) {
  write(staged() + "/keys" + etc() + "/a", "backup");
  write(etc() + "/a", "original");
  write(directory_.path() + "/kept" + etc() + "/a", "original of the first attempt");
  write(etc() + "/.a.spendsync", "half written");
  auto report = put_back();
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(text(etc() + "/a"), "backup");
  EXPECT_EQ(text(directory_.path() + "/kept" + etc() + "/a"), "original of the first attempt");
  EXPECT_FALSE(exists(etc() + "/.a.spendsync"));
}

}  // namespace
}  // namespace spendsync::restore
