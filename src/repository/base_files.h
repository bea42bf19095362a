// The files of a full backup as an incremental asks for them: one by one, by path.
#pragma once

#include "repository/backup_reader.h"

namespace spendsync::repository {

/// Reads the full's file table once and remembers where each record lies; records and hashes are read when they are
/// asked for. Thread-safe. Memory: 24 bytes a file, and some frames of the two streams.
class BaseFiles {
 public:
  /// Errors: not_found, corrupt, denied as BackupReader::open; corrupt where a pack of it is not in the store; refused
  /// for what is no full backup; cancelled.
  static Result<std::unique_ptr<BaseFiles>> open(Repository& repository, const Label& full, std::stop_token stop);

  const ManifestSummary& summary() const { return reader_->summary(); }
  /// The hasher that made the block hashes. Outlives this.
  const PageHasher& hasher() const { return *hasher_; }

  /// The file as the full has it; nullopt when there is none of that path (directories and links are none).
  /// Errors: corrupt; those of the store.
  Result<std::optional<FileEntry>> find(uint32_t set, std::string_view path);
  /// One a block, in order. Errors: as find().
  Result<std::vector<Hash128>> block_hashes(const FileEntry& entry);

 private:
  struct Record {
    uint64_t hash = 0;  // of set and path
    FileTableParser::Place place;
  };
  BaseFiles(std::unique_ptr<BackupReader> reader, std::shared_ptr<const PageHasher> hasher)
      : reader_(std::move(reader)), hasher_(std::move(hasher)) {}
  static uint64_t hash_of(uint32_t set, std::string_view path);

  std::unique_ptr<BackupReader> reader_;
  std::shared_ptr<const PageHasher> hasher_;
  std::vector<Record> records_;  // ascending by hash
};

/// The bytes [begin, end) of `content`, which an incremental keeps from the full, added to `kept`. `content` holds
/// whole frames only, as a full's does.
void keep_from_base(const FrameRuns& content, uint64_t begin, uint64_t end, FrameRuns& kept);

}  // namespace spendsync::repository
