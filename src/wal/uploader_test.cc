#include "wal/uploader.h"

#include "storage/testing/faulty_store.h"
#include "wal/testing/test_wal.h"

namespace spendsync::wal {
namespace {

using storage::StoreFault;
using storage::StoreOperation;

constexpr uint32_t kSize = SmallWal::kSegmentSize;

TEST(WalUploader, AWorkerThatThrowsEndsTheRunWithItsError) {
  SmallWal wal;
  storage::FaultyStore store(wal.world.memory, wal.world.clock);
  auto repository = wal.world.open(store);
  repository::WalArchive archive(*repository, {});
  auto builder = SmallWal::builder();
  while (builder.position().value < 20ull * kSize) builder.fill(2000);
  store.reset();
  store.add({.operation = StoreOperation::put, .nth = 3, .persistent = true, .effect = StoreFault::Effect::throws});
  SilentProgress progress;
  WalUploader uploader({.segment_size = kSize,
                        .major_version = 15,
                        .system_identifier = repository::SampleWorld::kSystem,
                        .workers = 2,
                        .buffer_bytes = 2 * kSize},
                       archive, progress, {});
  Result<void> added;
  for (uint64_t number = 3; number < 20 && added; ++number) {
    added = uploader.add(builder.name(number), builder.segment(number));
  }
  EXPECT_KIND(added, ErrorKind::internal);
  EXPECT_NE(added.error().message().find("ended by an exception"), std::string::npos) << added.error().message();
  EXPECT_KIND(uploader.durable_until(), ErrorKind::internal);
  EXPECT_KIND(uploader.finish(), ErrorKind::internal);
}

TEST(WalUploader, AWorkersErrorIsThatOfTheRun) {
  SmallWal wal;
  storage::FaultyStore store(wal.world.memory, wal.world.clock);
  auto repository = wal.world.open(store);
  repository::WalArchive archive(*repository, {});
  auto builder = SmallWal::builder();
  while (builder.position().value < 12ull * kSize) builder.fill(2000);
  store.reset();
  store.add({.operation = StoreOperation::put, .nth = 2, .persistent = true, .kind = ErrorKind::exhausted});
  SilentProgress progress;
  WalUploader uploader({.segment_size = kSize,
                        .major_version = 15,
                        .system_identifier = repository::SampleWorld::kSystem,
                        .workers = 1,
                        .buffer_bytes = 2 * kSize},
                       archive, progress, {});
  Result<void> added;
  for (uint64_t number = 3; number < 12 && added; ++number) {
    added = uploader.add(builder.name(number), builder.segment(number));
  }
  EXPECT_KIND(added, ErrorKind::exhausted);
  EXPECT_KIND(uploader.finish(), ErrorKind::exhausted);
}

}  // namespace
}  // namespace spendsync::wal
