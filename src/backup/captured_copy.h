// From captured files to entries of a backup.
#pragma once

#include <map>

#include "backup/captured_files.h"
#include "backup/file_copier.h"

namespace spendsync::backup {

/// Notes with an end: a directory with a million unreadable files must not fill the memory or the terminal.
class ProblemList {
 public:
  static constexpr size_t kKept = 100;
  /// The same path twice counts once while it is among the kept.
  void add(const std::string& path, const std::string& why);
  bool empty() const { return total_ == 0; }
  uint64_t total() const { return total_; }
  /// "path: why" of the first, and how many more there are.
  std::vector<std::string> lines() const;

 private:
  std::map<std::string, std::string> kept_;
  uint64_t total_ = 0;
};

/// What a walk over all captured files found, each of them opened once to see whether it can be.
struct CaptureCheck {
  uint64_t files = 0;
  uint64_t bytes = 0;
  ProblemList unreadable;
  ProblemList skipped;
};
Result<CaptureCheck> check_captured(const CapturedFiles& files, std::stop_token stop);

/// Errors: refused, naming what cannot be read, unless nothing is wrong.
Result<void> expect_readable(const CaptureCheck& check);

/// Feeds every captured file to the copier, and the directories and links to the run. Set n of the configuration is
/// set n + 1 of the backup; paths are absolute ones without the leading slash (docs/format/manifest.md).
Result<void> feed_captured(const CapturedFiles& files, repository::BackupRun& run, const FileCopier::Add& add,
                           ProblemList& unreadable, std::stop_token stop);

}  // namespace spendsync::backup
