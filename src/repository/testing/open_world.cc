#include "repository/testing/open_world.h"

#include "base/crc32c.h"
#include "repository/backup_reader.h"

namespace spendsync::repository {

BackupRun::Settings bare_run_settings(unsigned workers, uint64_t pack_size) {
  BackupRun::Settings settings;
  settings.workers = workers;
  settings.pack_size = pack_size;
  settings.host = "test";
  settings.tool_version = "0";
  settings.must_be_restorable = false;
  return settings;
}

ManifestSummary commit_bare(BackupRun& run) {
  ManifestSummary summary;
  summary.start = summary.stop = {TimelineId{1}, Lsn{0x2000000}};
  summary.page_size = 8192;
  summary.major_version = 15;
  return MUST(run.commit(std::move(summary), {"label", ""}));
}

OpenWorld::OpenWorld() {
  identity.wal_segment_size = 16u << 20;
  opened = open();
}

std::unique_ptr<BackupRun> OpenWorld::begin(unsigned workers, uint64_t pack_size) {
  return MUST(BackupRun::begin(*opened, bare_run_settings(workers, pack_size), {}));
}

std::map<std::pair<uint32_t, std::string>, ReadBack> read_back(Repository& repository, const Label& label) {
  std::map<std::pair<uint32_t, std::string>, ReadBack> found;
  auto backup = MUST(BackupReader::open(repository, label));
  auto reader = MUST(backup->frame_reader());
  EXPECT_OK(backup->for_each_file([&](const FileEntry& entry) -> Result<void> {
    ReadBack item{entry, {}, {}};
    if (entry.kind == FileKind::file) {
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

}  // namespace spendsync::repository
