// Where full packs go: a bounded queue and the threads that finish them. Inside this folder only.
#pragma once

#include <mutex>
#include <optional>

#include "base/bounded_queue.h"
#include "base/worker_group.h"
#include "repository/manifest.h"
#include "repository/page_hash.h"

namespace spendsync::repository {

class SentFrames;

/// Shared by all FrameWriters of a run. Thread-safe but for finish(), which the run's owner calls.
class PackSink {
 public:
  struct Settings {
    Label label = Label::make(Timestamp{}, BackupType::full);
    RunId run;
    RunKeys keys;
    uint64_t pack_size = 0;  // bytes
    unsigned finishers = 2;
    size_t waiting_max = 2;      // packs between a writer and a finisher
    SentFrames* sent = nullptr;  // of interrupted runs; outlives the sink
    uint32_t first_id = 0;       // of this run's packs; those of interrupted runs come before
  };
  PackSink(Repository& repository, Settings settings, std::shared_ptr<const PageHasher> hasher, std::stop_token stop);
  /// Stops and joins; what was not finished never appears.
  ~PackSink();

  Repository& repository() { return repository_; }
  const Settings& settings() const { return settings_; }
  const PageHasher& hasher() const { return *hasher_; }

  /// The next pack of this run; its id is first_id + number.
  uint32_t take_number() { return next_number_.fetch_add(1); }

  struct ClosedPack {
    std::unique_ptr<storage::ObjectUpload> upload;
    PackRecord record;
  };
  /// Waits for room in the queue. Errors: what made a finisher fail; cancelled.
  Result<void> hand_over(ClosedPack pack);

  void writer_opened() { ++open_writers_; }
  /// `whole`: nothing that was appended was left behind.
  void writer_closed(bool whole);

  /// Waits until every pack handed over is durable. Errors: the first failure; internal when a writer is still open or
  /// lost frames.
  Result<void> finish();
  void abandon();

  /// Finished packs, ascending by id; only after finish().
  std::vector<PackRecord> take_records();
  uint64_t packs_finished() const { return packs_finished_.load(std::memory_order_relaxed); }
  uint64_t stored_bytes() const { return stored_bytes_.load(std::memory_order_relaxed); }

 private:
  Result<void> finish_packs(std::stop_token stop);
  Result<void> finish_one(ClosedPack pack);

  Repository& repository_;
  Settings settings_;
  std::shared_ptr<const PageHasher> hasher_;
  std::atomic<uint32_t> next_number_{0};
  std::atomic<uint64_t> packs_finished_{0};
  std::atomic<uint64_t> stored_bytes_{0};
  std::atomic<int> open_writers_{0};
  std::atomic<bool> lost_frames_{false};
  std::mutex mutex_;  // guards what follows
  std::vector<PackRecord> records_;
  std::optional<Error> failure_;
  BoundedQueue<ClosedPack> queue_;
  bool joined_ = false;
  WorkerGroup finishers_;  // last: its threads use all of the above
};

}  // namespace spendsync::repository
