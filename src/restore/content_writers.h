// Threads that fetch, open, check and write the content of files: the hot path of a restore.
#pragma once

#include <atomic>
#include <memory>

#include "base/bounded_queue.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/worker_group.h"
#include "repository/backup_reader.h"
#include "restore/output_file.h"

namespace spendsync::restore {

/// Several workers share one big file; every byte is written once, by whoever fetched it.
/// Memory: a worker holds one chunk (4 MiB), one stored chunk and a decompression context; the queue holds references.
class ContentWriters {
 public:
  struct Settings {
    unsigned workers = 1;
  };
  /// Starts the workers. All references outlive it.
  static Result<std::unique_ptr<ContentWriters>> start(repository::BackupReader& reader, Settings settings,
                                                       Progress& progress, std::stop_token stop);
  ~ContentWriters();

  /// Takes a new, empty file and what it shall hold; `finish_file` is called by the worker that ends it, with the
  /// descriptor still open (owner, mode, times). Waits while the queue is full. One thread calls this.
  using FinishFile = std::function<Result<void>(const Fd& file, const repository::FileEntry& entry)>;
  /// Errors: corrupt when sizes or CRC-32C do not agree; those of reading and writing: the first one of any worker.
  Result<void> add(repository::FileEntry entry, Fd file, FinishFile finish_file);
  /// The same of a file that is there already, opened for reading and writing: its content stays where size and CRC-32C
  /// are those of the backup; else what differs is written, and no other byte.
  Result<void> add_existing(repository::FileEntry entry, Fd file, FinishFile finish_file);
  /// Waits until all is written. Must be called once; nothing may be added after it.
  Result<void> finish();
  /// Bytes written. The rest was there already.
  uint64_t written_bytes() const { return written_bytes_.load(std::memory_order_relaxed); }

 private:
  struct File;
  struct Chunk {
    std::shared_ptr<File> file;
    size_t index = 0;
  };
  ContentWriters(Settings settings, Progress& progress, std::stop_token stop);
  Result<void> work(repository::FrameReader& reader, std::stop_token stop);
  Result<void> add_file(std::shared_ptr<File> file);
  Result<void> process(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer);
  static Result<ByteView> fetch_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer);
  Result<void> write_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer);
  static void fetch_ahead(const File& file, size_t index);
  static Result<void> check_chunk(const Chunk& chunk, AlignedBuffer& buffer);
  Result<void> rewrite_chunk(repository::FrameReader& reader, const Chunk& chunk, AlignedBuffer& buffer);
  Result<void> rewrite_differing(File& file, ByteView wanted, uint64_t offset);
  Result<void> complete(repository::FrameReader& reader, const std::shared_ptr<File>& file, AlignedBuffer& buffer);
  static Result<void> finish_file(File& file);

  Settings settings_;
  Progress& progress_;
  std::atomic<uint64_t> written_bytes_{0};
  BoundedQueue<Chunk> queue_;
  WorkerGroup group_;
};

}  // namespace spendsync::restore
