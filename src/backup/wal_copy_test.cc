#include "backup/wal_copy.h"

#include "repository/testing/open_world.h"
#include "wal/testing/test_wal.h"

namespace spendsync::backup {
namespace {

constexpr uint32_t kSize = wal::SmallWal::kSegmentSize;

TEST(WalCopy, TakesASegmentWhoseFileHoldsLaterWalFromTheRepository) {
  wal::SmallWal wal;
  auto directory = MUST(TemporaryDirectory::create("/tmp", "wal-copy-test"));
  EXPECT_OK(make_directories(directory.path() + "/pg_wal", 0700));
  auto builder = wal::SmallWal::builder();
  while (builder.position().value < 9ull * kSize) builder.fill(2000);
  auto put_file = [&](uint64_t name, ByteView content) {
    EXPECT_OK(replace_file(directory.path() + "/pg_wal/" + builder.name(name).file_name(kSize), content, 0600));
  };
  put_file(3, builder.segment(3));
  // The server has begun to write segment 8 into what was 4: the first pages are later WAL, the rest is as it was.
  Bytes recycled = builder.segment(4);
  Bytes later = builder.segment(8);
  std::copy_n(later.begin(), 3 * 8192, recycled.begin());
  put_file(4, recycled);
  for (uint64_t number = 3; number <= 5; ++number) wal.put(builder.name(number), builder.segment(number));

  auto run = MUST(repository::BackupRun::begin(*wal.repository, repository::bare_run_settings(2), {}));
  SilentProgress progress;
  FileCopier::Settings settings;
  settings.workers = 2;
  auto copier = MUST(FileCopier::create(settings, {*run, wal.world.clock, wal.world.log, progress}, {}));
  WalCopy copy({.data_directory = directory.path(),
                .start = {TimelineId{1}, Lsn{3ull * kSize + 40}},
                .stop = {TimelineId{1}, Lsn{5ull * kSize + 100}},
                .segment_size = kSize,
                .system_identifier = repository::SampleWorld::kSystem,
                .major_version = 15});
  ASSERT_OK(copy.copy_local(*copier, {}));
  ASSERT_OK(copy.copy_missing(*copier, *wal.archive, {}));
  MUST(copier->finish());
  auto summary = repository::commit_bare(*run);
  auto files = repository::read_back(*wal.repository, summary.label);
  for (uint64_t number = 3; number <= 5; ++number) {
    auto found = files.find({0u, "pg_wal/" + builder.name(number).file_name(kSize)});
    ASSERT_NE(found, files.end()) << number;
    EXPECT_EQ(found->second.content, builder.segment(number)) << number;
  }
}

}  // namespace
}  // namespace spendsync::backup
