#include "jobs/new_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::jobs {
namespace {

class NewFile : public ::testing::Test {
 protected:
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-new-file-"));
  std::string path_ = directory_.path() + "/repository.key";
};

TEST_F(NewFile, IsPrivateAndNeverWrittenOver) {
  EXPECT_OK(write_new_file(path_, as_bytes("first")));
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_KIND(write_new_file(path_, as_bytes("second")), ErrorKind::refused);
  EXPECT_EQ(MUST(read_text_file(path_)), "first");
}

TEST_F(NewFile, LeavesNothingBehindWhenOnlyAPartCouldBeWritten) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{10, before.rlim_max};  // bytes: as on a disk that becomes full
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = write_new_file(path_, as_bytes("a key of more than ten bytes"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(written.has_value());
  EXPECT_FALSE(exists(path_));
  EXPECT_OK(write_new_file(path_, as_bytes("and there is no file in the way of the next attempt")));
}

TEST_F(NewFile, HasNoNameBeforeItIsWhole) {
  {
    auto file = MUST(UnfinishedFile::create(path_));
    ASSERT_EQ(::write(file.descriptor(), "half", 4), 4);
    EXPECT_FALSE(exists(path_));
  }
  EXPECT_TRUE(MUST(list_directory(directory_.path())).empty());
  auto file = MUST(UnfinishedFile::create(path_));
  ASSERT_EQ(::write(file.descriptor(), "whole", 5), 5);
  EXPECT_EQ(MUST(file.finish()), 5u);
  EXPECT_EQ(MUST(read_text_file(path_)), "whole");
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_nlink, 1u);
}

TEST_F(NewFile, IsNotPutOverOneThatCameMeanwhile) {
  auto file = MUST(UnfinishedFile::create(path_));
  ASSERT_EQ(::write(file.descriptor(), "mine", 4), 4);
  EXPECT_OK(write_new_file(path_, as_bytes("theirs")));
  EXPECT_KIND(file.finish(), ErrorKind::refused);
  EXPECT_EQ(MUST(read_text_file(path_)), "theirs");
  EXPECT_KIND(UnfinishedFile::create(path_), ErrorKind::refused);
}

}  // namespace
}  // namespace spendsync::jobs
