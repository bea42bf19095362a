// Stores received segments in the background, so that compressing one overlaps with receiving the next.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>

#include "base/bounded_queue.h"
#include "base/progress.h"
#include "base/worker_group.h"
#include "postgres/wal/change_map.h"
#include "postgres/wal/commit_scanner.h"
#include "repository/wal_archive.h"

namespace spendsync::wal {

/// Feeds one more segment to a scanner and says what commits ended in it, and with a mapper what changed.
/// Errors: corrupt when a complete segment's records do not reach its end (segment, position and cause named).
Result<repository::WalSegmentSummary> summarize_segment(postgres::CommitScanner& scanner, SegmentName name,
                                                        ByteView content, uint32_t segment_size,
                                                        postgres::ChangeMapper* mapper = nullptr);

/// Takes consecutive segments from one thread. Each is checked, its commits are found, and it is handed to workers
/// that compress, seal and store it. Memory: the buffers. Destroying it stops and joins the workers.
class WalUploader {
 public:
  struct Settings {
    uint32_t segment_size = 0;
    int major_version = 0;
    SystemIdentifier system_identifier;
    unsigned workers = 2;
    size_t buffer_bytes = 96u << 20;  // as many segments as fit, one at least
    bool change_maps = false;
    /// The segment before the first one and the server's pg_wal, to see whether it ends as the stored one of its name
    /// does. Empty: it is not known, or not on this host.
    std::optional<SegmentName> before_first = std::nullopt;
    std::string wal_directory = {};
  };
  WalUploader(Settings settings, repository::WalArchive& archive, Progress& progress, std::stop_token stop);
  ~WalUploader();

  /// Copies the segment; waits while all buffers are in use.
  /// Errors: corrupt or refused when the segment is damaged or not what its name says; conflict when it does not go on
  /// where the stored one before it ends; what made a worker fail.
  Result<void> add(SegmentName name, ByteView content);

  /// The end of the segments that are durable in the repository without a gap; zero before the first.
  /// Errors: what made a worker fail. Thread-safe.
  Result<Lsn> durable_until();

  struct Stats {
    uint64_t segments = 0;  // stored or found identical
    uint64_t bytes = 0;     // of content
  };
  /// Waits for all that was added.
  Result<Stats> finish();

 private:
  struct Job {
    uint64_t ticket = 0;
    SegmentName name;
    Bytes content;
    repository::WalSegmentSummary summary;
  };
  Result<repository::WalSegmentSummary> inspect(SegmentName name, ByteView content);
  Result<void> work(std::stop_token stop);
  Error why_stopped();
  Result<void> expect_to_follow_stored(SegmentName name, SegmentEdges& edges);
  void note_stored(const Job& job);
  void note_failure(const Error& error);
  Result<void> failure();

  const Settings settings_;
  repository::WalArchive& archive_;
  Progress& progress_;
  postgres::CommitScanner scanner_;
  postgres::ChangeMapper mapper_;
  bool is_first_ = true;  // the next segment: the scanner proves that the others follow each other
  BoundedQueue<Job> jobs_;
  BoundedQueue<Bytes> free_buffers_;

  struct Pending {
    Lsn end;
    bool stored = false;
  };
  std::mutex mutex_;             // guards what follows
  std::deque<Pending> pending_;  // in the order of arrival; the front is the oldest that is not durable
  uint64_t first_ticket_ = 0;    // of the front
  Lsn durable_;
  Stats stats_;
  std::optional<Error> failure_;

  WorkerGroup workers_;  // last: its threads use all of the above
};

}  // namespace spendsync::wal
