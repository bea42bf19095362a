#include "backup/page_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/testing.h"

namespace spendsync::backup {
namespace {

constexpr size_t kFileSize = 4u << 20;
constexpr size_t kHalf = kFileSize / 2;

class PageCacheTest : public ::testing::Test {
 protected:
  PageCacheTest() : directory_(MUST(TemporaryDirectory::create("/var/tmp", "ssb-cache-"))) {
    path_ = directory_.path() + "/file";
    MUST(replace_file(path_, Bytes(kFileSize, std::byte{7}), 0600));
    fd_ = MUST(open_file(path_, O_RDONLY));
    posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM);  // no reading ahead: exactly what is read comes in
    evict();
  }
  void evict() { posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED); }
  void read(size_t offset, size_t size) {
    Bytes out(size);
    ASSERT_EQ(MUST(read_at(fd_, offset, out, path_)), size);
  }
  uint64_t absent() { return PageCacheTrace::look(fd_, 0, kFileSize).absent_pages(); }
  uint64_t pages() const { return kFileSize / static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

  TemporaryDirectory directory_;
  std::string path_;
  Fd fd_;
};

TEST_F(PageCacheTest, GivesBackWhatOnlyTheReadingBroughtInAndKeepsTheRest) {
  if (absent() != pages()) GTEST_SKIP() << "this file system keeps its files in memory";
  read(0, kHalf);  // what the server uses
  auto trace = PageCacheTrace::look(fd_, 0, kFileSize);
  EXPECT_EQ(trace.absent_pages(), pages() / 2);
  read(0, kFileSize);
  EXPECT_EQ(absent(), 0u);
  trace.give_back(fd_, kFileSize);
  EXPECT_EQ(absent(), pages() / 2);
  EXPECT_EQ(PageCacheTrace::look(fd_, 0, kHalf).absent_pages(), 0u) << "the server's half stayed";
}

TEST_F(PageCacheTest, GivesBackNoMoreThanWasDone) {
  if (absent() != pages()) GTEST_SKIP() << "this file system keeps its files in memory";
  auto trace = PageCacheTrace::look(fd_, 0, kFileSize);
  read(0, kFileSize);
  trace.give_back(fd_, kHalf);
  EXPECT_EQ(absent(), pages() / 2);
  EXPECT_EQ(PageCacheTrace::look(fd_, kHalf, kHalf).absent_pages(), 0u);
}

TEST_F(PageCacheTest, StretchesNeedNotBeginAtAPage) {
  if (absent() != pages()) GTEST_SKIP() << "this file system keeps its files in memory";
  auto trace = PageCacheTrace::look(fd_, 100, 5000);
  EXPECT_EQ(trace.absent_pages(), 2u);
  read(100, 5000);
  trace.give_back(fd_, 5000);
  EXPECT_EQ(absent(), pages());
}

TEST_F(PageCacheTest, WhatCannotBeMappedIsLeftAlone) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  auto trace = PageCacheTrace::look(reading, 0, 4096);
  EXPECT_EQ(trace.absent_pages(), 0u);
  trace.give_back(reading, 4096);
}

}  // namespace
}  // namespace spendsync::backup
