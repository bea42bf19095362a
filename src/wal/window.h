// WAL fetched ahead of recovery: segments wait in a private directory beside the target until `wal get` takes them.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "base/worker_group.h"
#include "repository/wal_archive.h"
#include "wal/plan.h"

namespace spendsync::wal {

/// The file name a segment has while it is being written into the window.
std::string unfinished_segment(const std::string& file_name);

/// Threads that keep up to `ahead` segments of the plan in the window. A segment is whole under its own name: it is
/// written under another one first. What cannot be fetched ends the prefetching, not the recovery: `wal get` then
/// asks the repository itself, and its answer counts.
class WalWindow {
 public:
  static constexpr unsigned kAhead = 16;  // segments; 256 MiB of 16 MiB ones on disk
  struct Settings {
    std::string directory;              // exists, 0700
    std::vector<SegmentName> segments;  // in the order of replay
    uint32_t segment_size = 0;
    unsigned ahead = kAhead;
    unsigned workers = 2;  // memory: one segment each
    std::chrono::milliseconds poll_interval{20};
  };
  /// All references outlive it.
  static std::unique_ptr<WalWindow> start(repository::WalArchive& archive, Settings settings, const Clock& clock,
                                          Log& log, std::stop_token stop);
  /// Stops the threads.
  ~WalWindow();
  /// Segments that were put into the window so far.
  uint64_t fetched() const;

 private:
  WalWindow(repository::WalArchive& archive, Settings settings, const Clock& clock, Log& log, std::stop_token stop);
  Result<void> work(std::stop_token stop);
  std::optional<size_t> take_next();
  Result<void> fetch(SegmentName name);

  repository::WalArchive& archive_;
  Settings settings_;
  const Clock& clock_;
  Log& log_;
  mutable std::mutex mutex_;  // guards what follows
  size_t next_ = 0;
  bool failed_ = false;
  uint64_t fetched_ = 0;
  std::map<size_t, bool> waiting_;  // by index: whether it is whole; gone once it was taken
  WorkerGroup group_;
};

}  // namespace spendsync::wal
