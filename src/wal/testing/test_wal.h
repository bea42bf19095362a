// A repository with segments of 1 MiB, and WAL to put into it.
#pragma once

#include "postgres/wal/testing/wal_builder.h"
#include "repository/testing/sample_repository.h"

namespace spendsync::wal {

class SmallWal {
 public:
  static constexpr uint32_t kSegmentSize = 1u << 20;

  SmallWal() {
    repository = world.open();
    archive = std::make_unique<repository::WalArchive>(*repository, repository::WalArchive::Settings{});
  }

  static postgres::WalBuilder builder(uint64_t first_segment = 3) {
    postgres::WalBuilder::Settings settings;
    settings.segment_size = kSegmentSize;
    settings.system_identifier = repository::SampleWorld::kSystem;
    settings.first_segment = first_segment;
    return postgres::WalBuilder(settings);
  }

  void put(SegmentName name, ByteView content, const repository::WalSegmentSummary& summary = {}) {
    EXPECT_OK(archive->put_segment(name, content, summary));
  }
  /// Content does not matter: for tests that only list.
  void put_any(TimelineId timeline, uint64_t first, uint64_t last) {
    Bytes content(kSegmentSize, std::byte{1});
    for (uint64_t number = first; number <= last; ++number) put({timeline, number}, content);
  }

  repository::SampleWorld world;
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::WalArchive> archive;
};

}  // namespace spendsync::wal
