// A repository that is open, to back up into by hand and to read back from.
#pragma once

#include <map>

#include "repository/testing/sample_repository.h"

namespace spendsync::repository {

/// Settings and the end of a backup of which only the files matter.
BackupRun::Settings bare_run_settings(unsigned workers, uint64_t pack_size = 64u << 20);
/// It ended at 0/2000000 on timeline 1.
ManifestSummary commit_bare(BackupRun& run);

/// A file of a backup, as it is read.
struct ReadBack {
  FileEntry entry;
  Bytes content;
  std::vector<Hash128> block_hashes;
};

/// A SampleWorld whose cluster has segments of 16 MiB, and its repository, open for writing.
struct OpenWorld : SampleWorld {
  OpenWorld();

  Repository& repository() { return *opened; }
  std::unique_ptr<BackupRun> begin(unsigned workers, uint64_t pack_size = 64u << 20);

  std::unique_ptr<Repository> opened;
};

/// Everything, by set and path; sizes and checksums proved by the reader and once more here.
std::map<std::pair<uint32_t, std::string>, ReadBack> read_back(Repository& repository, const Label& label);

}  // namespace spendsync::repository
