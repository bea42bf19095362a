// A repository with segments of 1 MiB, and WAL to put into it.
#pragma once

#include "postgres/wal/testing/wal_builder.h"
#include "repository/wal_archive.h"
#include "wal/testing/test_repository.h"

namespace spendsync::wal {

class SmallWal {
 public:
  static constexpr uint32_t kSegmentSize = 1u << 20;

  SmallWal() {
    identity = {"small", TestRepository::kSystem, 15, 202209061, 8192, kSegmentSize, 1u << 30};
    repository =
        MUST(repository::Repository::open_for_writing({"small", ""}, identity, world.collaborators(world.store())));
    archive = std::make_unique<repository::WalArchive>(*repository, repository::WalArchive::Settings{});
  }

  static postgres::WalBuilder builder(uint64_t first_segment = 3) {
    postgres::WalBuilder::Settings settings;
    settings.segment_size = kSegmentSize;
    settings.system_identifier = TestRepository::kSystem;
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

  TestRepository world;
  repository::ClusterIdentity identity;
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::WalArchive> archive;
};

}  // namespace spendsync::wal
