// A repository in memory, and reading back what was backed up into it, for tests.
#pragma once

#include <map>

#include "base/crc32c.h"
#include "base/file.h"
#include "base/testing.h"
#include "crypto/key_file_wrapper.h"
#include "repository/backup_reader.h"
#include "repository/backup_run.h"
#include "storage/testing/memory_store.h"

namespace spendsync::wal {

class TestRepository {
 public:
  static constexpr SystemIdentifier kSystem{7300000000000000001u};

  TestRepository() {
    Bytes key(32, std::byte{7});
    EXPECT_OK(replace_file(directory_.path() + "/key", key, 0600));
    wrapper_ = MUST(crypto::KeyFileWrapper::open(directory_.path() + "/key", random_, clock_));
    repository_ = open(store_);
  }

  repository::Collaborators collaborators(storage::ObjectStore& store) {
    return {store, {wrapper_.get()}, random_, clock_, log_};
  }
  std::unique_ptr<repository::Repository> open(storage::ObjectStore& store) {
    repository::ClusterIdentity identity{"spendsync", kSystem, 15, 202209061, 8192, 16u << 20, 1u << 30};
    return MUST(repository::Repository::open_for_writing({"spendsync", ""}, identity, collaborators(store)));
  }
  std::unique_ptr<repository::BackupRun> begin(unsigned workers, uint64_t pack_size = 64u << 20) {
    return MUST(repository::BackupRun::begin(*repository_, run_settings(workers, pack_size), {}));
  }
  static repository::BackupRun::Settings run_settings(unsigned workers, uint64_t pack_size = 64u << 20) {
    repository::BackupRun::Settings settings;
    settings.workers = workers;
    settings.pack_size = pack_size;
    settings.host = "test";
    settings.tool_version = "0";
    settings.must_be_restorable = false;
    return settings;
  }
  static repository::ManifestSummary commit(repository::BackupRun& run) {
    repository::ManifestSummary summary;
    summary.start = summary.stop = {TimelineId{1}, Lsn{0x2000000}};
    summary.page_size = 8192;
    summary.major_version = 15;
    return MUST(run.commit(std::move(summary), {"label", ""}));
  }

  struct ReadBack {
    repository::FileEntry entry;
    Bytes content;
    std::vector<repository::Hash128> block_hashes;
  };
  /// Everything, by set and path; sizes and checksums proved by the reader and once more here.
  std::map<std::pair<uint32_t, std::string>, ReadBack> read_back(const repository::Label& label) {
    std::map<std::pair<uint32_t, std::string>, ReadBack> found;
    auto backup = MUST(repository::BackupReader::open(*repository_, label));
    auto reader = MUST(backup->frame_reader());
    EXPECT_OK(backup->for_each_file([&](const repository::FileEntry& entry) -> Result<void> {
      ReadBack item{entry, {}, {}};
      if (entry.kind == repository::FileKind::file) {
        TRY(reader->read_file(entry, [&](uint64_t offset, ByteView bytes) -> Result<void> {
          EXPECT_EQ(offset, item.content.size());
          item.content.insert(item.content.end(), bytes.begin(), bytes.end());
          return {};
        }));
        EXPECT_EQ(item.content.size(), entry.size) << entry.path;
        EXPECT_EQ(entry.crc_known ? crc32c(0, item.content) : 0, entry.crc32c) << entry.path;
      }
      if (entry.block_hashes) item.block_hashes = TRY(backup->block_hashes(*entry.block_hashes));
      EXPECT_TRUE(found.emplace(std::pair(entry.set, entry.path), std::move(item)).second) << entry.path << " twice";
      return {};
    }));
    return found;
  }

  repository::Repository& repository() { return *repository_; }
  storage::MemoryStore& store() { return store_; }
  const Clock& clock() const { return clock_; }
  Log& log() { return log_; }

 private:
  static TemporaryDirectory make_directory() { return MUST(TemporaryDirectory::create("/tmp", "test-repository")); }
  TemporaryDirectory directory_ = make_directory();
  SystemClock clock_;
  SystemRandom random_;
  Log log_{{LogLevel::error, Log::Format::console, 2}, clock_};
  storage::MemoryStore store_;
  std::unique_ptr<crypto::KeyFileWrapper> wrapper_;
  std::unique_ptr<repository::Repository> repository_;
};

}  // namespace spendsync::wal
