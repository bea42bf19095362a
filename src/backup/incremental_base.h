// The full backup that an incremental refers to, and how far it may be trusted.
#pragma once

#include "repository/base_files.h"

namespace spendsync::backup {

/// The server as it is now.
struct ServerState {
  int major_version = 0;
  uint32_t catalog_version = 0;
  uint32_t page_size = 0;
  bool data_checksums = false;
  TimelineId timeline;
  Timestamp now;     // its clock
  std::string host;  // that of this program
};

struct IncrementalBase {
  std::unique_ptr<repository::BaseFiles> files;  // null: there is no full yet
  std::vector<std::string> doubts;               // why every file is read; empty: untouched files need not be
};

/// The newest full of this cluster. Its file table has been read, and its packs are all in the store.
/// Errors: corrupt when it is damaged or lacks a pack, refused when it cannot be a base (both with the hint to take a
/// new full); those of the store; cancelled.
Result<IncrementalBase> choose_base(repository::Repository& repository, const ServerState& server,
                                    std::stop_token stop);

}  // namespace spendsync::backup
