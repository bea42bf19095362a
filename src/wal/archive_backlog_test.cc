#include "wal/archive_backlog.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::wal {
namespace {

class Backlog : public ::testing::Test {
 protected:
  Backlog() { EXPECT_OK(make_directories(path() + "/archive_status", 0700)); }
  const std::string& path() const { return directory_.path(); }
  void wait_to_be_archived(const std::string& name, int64_t second) {
    EXPECT_OK(replace_file(path() + "/" + name, Bytes(1u << 20), 0600));
    auto ready = path() + "/archive_status/" + name + ".ready";
    EXPECT_OK(replace_file(ready, {}, 0600));
    struct timespec times[2] = {{second, 0}, {second, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, ready.c_str(), times, 0), 0);
  }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "archive-backlog-test"));
};

TEST_F(Backlog, CountsWhatWaitsAndSaysWhenTheDiskWillBeFull) {
  EXPECT_EQ(MUST(read_archive_backlog(path())).segments, 0u);
  wait_to_be_archived("000000010000000000000003", 1000);
  EXPECT_FALSE(MUST(read_archive_backlog(path())).until_full);
  wait_to_be_archived("000000010000000000000004", 1010);
  wait_to_be_archived("000000010000000000000005", 1020);
  EXPECT_OK(replace_file(path() + "/archive_status/000000010000000000000002.done", {}, 0600));
  EXPECT_OK(replace_file(path() + "/archive_status/00000002.history.ready", {}, 0600));
  auto backlog = MUST(read_archive_backlog(path()));
  EXPECT_EQ(backlog.segments, 3u);
  EXPECT_EQ(backlog.bytes, 3u << 20);
  ASSERT_TRUE(backlog.until_full);
  // 1 MiB every 10 seconds.
  auto expected = static_cast<int64_t>(backlog.free_bytes / (1u << 20) * 10);
  EXPECT_NEAR(static_cast<double>(backlog.until_full->count()), static_cast<double>(expected), 20);
}

TEST_F(Backlog, WhatNoArchiveTakesIsNoLongerWaitedFor) {
  for (const char* name : {"000000010000000000000003", "000000010000000000000004", "000000010000000000000005",
                           "000000020000000000000005"}) {
    wait_to_be_archived(name, 1000);
  }
  EXPECT_EQ(MUST(stop_archiving_from(path(), {TimelineId{1}, 4}, 16u << 20)), 2u);
  EXPECT_EQ(MUST(read_archive_backlog(path())).segments, 2u);
  EXPECT_TRUE(exists(path() + "/archive_status/000000010000000000000003.ready"));
  EXPECT_TRUE(exists(path() + "/archive_status/000000010000000000000004.done"));
  EXPECT_TRUE(exists(path() + "/archive_status/000000020000000000000005.ready"));
}

TEST_F(Backlog, SaysItInOneLine) {
  ArchiveBacklog backlog{.segments = 3, .bytes = 48u << 20, .free_bytes = 1u << 30, .until_full = std::nullopt};
  EXPECT_EQ(backlog.describe(), "3 segments wait in pg_wal (48.0 MiB), which has 1.0 GiB free");
  backlog.until_full = std::chrono::hours(2);
  EXPECT_EQ(backlog.describe(), "3 segments wait in pg_wal (48.0 MiB), which has 1.0 GiB free: full in about 2 h");
}

}  // namespace
}  // namespace spendsync::wal
