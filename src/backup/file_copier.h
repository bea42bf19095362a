// Copies files into packs on all cores: several workers inside one big file, many small files at once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backup/range_copier.h"
#include "base/log.h"
#include "base/worker_group.h"
#include "postgres/data_directory.h"
#include "postgres/wal/change_set.h"
#include "repository/backup_run.h"

namespace spendsync::backup {

/// A file to be copied. Its size is frozen when it is opened: what grows afterwards is not read.
struct CopyFile {
  repository::FileEntry entry;  // set, path, owner; the rest is filled from the open file
  std::string name;             // for messages
  uint64_t expected_size = 0;   // bytes, as listed; big files are opened by the feeder and cut into ranges
  postgres::FileRole role = postgres::FileRole::other;
  uint32_t segment = 0;   // of the relation
  bool captured = false;  // must not change while it is read, unlike what the server's log repairs
  /// Called once. not_found: gone meanwhile, left out. refused: no regular file any more, left out with a warning.
  std::function<Result<Fd>()> open;
};

struct CopyStats {
  struct PageFailure {
    std::string path;
    std::vector<uint32_t> blocks;  // the first kBlocksMax, counted from the file's beginning
  };
  struct SetCount {
    uint64_t files = 0;
    uint64_t bytes = 0;
  };
  uint64_t files = 0;
  uint64_t bytes = 0;                           // of content
  uint64_t vanished = 0;                        // files that were gone when their turn came
  uint64_t page_failures = 0;                   // pages
  std::vector<PageFailure> page_failure_files;  // the first kFailureFilesMax
  std::vector<SetCount> sets;                   // by FileEntry::set
  uint64_t kept_bytes = 0;                      // of content that the full holds
  uint64_t unread_files = 0;                    // known to be the full's without reading them
  uint64_t unread_bytes = 0;                    // of content, kept from the full without being read

  static constexpr size_t kFailureFilesMax = 1000;
  static constexpr size_t kBlocksMax = 100;
};

/// Memory: a frame buffer and a FrameWriter a worker, the queue of `workers` + 2 tasks (a batch of small files or a
/// range), and of each file that is being cut up its block hashes (16 bytes a page: 2 MiB for 1 GiB), those of the
/// full as well where there is one.
class FileCopier {
 public:
  struct Settings {
    unsigned workers = 1;
    uint64_t range_size = 32u << 20;  // bytes; a multiple of the frame size
    size_t batch_files = 64;          // small files that go to a worker together
    uint64_t batch_bytes = 8u << 20;
    unsigned captured_attempts = 3;        // at a captured file that changes while it is read
    uint64_t blocks_per_segment = 131072;  // pages of a relation's segment file
    RangeCopier::Settings range;
    /// Of an incremental: a file of the cluster whose inode, size, and times are those that the full has recorded is
    /// not read.
    bool trust_identity = true;
  };
  struct Collaborators {
    repository::BackupRun& run;
    const Clock& clock;
    Log& log;
    Progress& progress;
    repository::BaseFiles* base = nullptr;  // of an incremental: its full
    /// What changed since that, where WAL tells: of a relation's main fork nothing else is read. Sorted.
    const postgres::WalChangeSet* changes = nullptr;
  };
  /// Told about what is not as it should be, from workers, one at a time.
  struct Notices {
    std::function<void(const std::string& name, const std::string& why)> on_skipped;
    std::function<void(const std::string& name, const std::string& why)>
        on_changing;  // a captured file, never the same twice
    /// A captured file that cannot be opened or read. An error returned ends the copying.
    std::function<Result<void>(const std::string& name, Error error)> on_unreadable;
  };
  /// Opens one FrameWriter a worker.
  static Result<std::unique_ptr<FileCopier>> create(Settings settings, Collaborators collaborators, Notices notices);
  ~FileCopier();
  FileCopier(const FileCopier&) = delete;
  FileCopier& operator=(const FileCopier&) = delete;

  /// `feed` runs in the calling thread and calls `add` for every file; workers copy meanwhile. Returns when all is
  /// copied and every entry is in the file table. Errors: the first, from wherever.
  using Add = std::function<Result<void>(CopyFile file)>;
  Result<void> run(const std::function<Result<void>(const Add& add)>& feed, std::stop_token stop);

  /// A file whose content is in memory, after run(). `entry` lacks size, checksum and content only.
  Result<void> add_content(repository::FileEntry entry, ByteView content);

  /// Finishes the packs. Nothing may be added after it.
  Result<CopyStats> finish();

 private:
  class Worker;
  class Feeder;
  struct LargeFile;
  struct Task;
  struct State;
  explicit FileCopier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::backup
