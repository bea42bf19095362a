// Reading a backup: its manifest, its files, their content (docs/format/manifest.md, packs.md).
#pragma once

#include <memory>

#include "repository/codec.h"
#include "repository/file_table.h"
#include "repository/manifest.h"
#include "repository/page_hash.h"

namespace spendsync::repository {

class BackupReader;

/// Where a frame's content, or a part of it, goes.
struct FramePart {
  const FrameRun* run = nullptr;  // in the entry, which must outlive it
  size_t index = 0;               // of the frame in the run
  uint64_t object_offset = 0;     // of its header in the pack, bytes
  uint32_t skip = 0;              // bytes of its content that are not wanted at its beginning
  uint32_t size = 0;              // bytes wanted
  uint64_t offset = 0;            // in the chunk, bytes

  uint32_t number() const { return run->first_number + static_cast<uint32_t>(index); }
  uint32_t stored_size() const { return run->stored_sizes[index]; }
};

/// A stretch of a file's content that is read at once: at most kChunkMax bytes of content, from at most kChunkMax bytes
/// of frames. Of an incremental's file it may have many parts: pages of the full's frames and of its own in turn.
struct ContentChunk {
  uint64_t offset = 0;  // in the file, bytes
  uint64_t size = 0;    // bytes of content
  std::vector<FramePart> parts;
};
inline constexpr uint32_t kChunkMax = 4u << 20;  // more only where a single frame is larger

/// Cuts content into chunks, in order; workers may read them in any order. 40 bytes a frame or part of one.
std::vector<ContentChunk> split_runs(const FrameRuns& content);
/// The same of a file. Errors: corrupt when its runs do not give exactly entry.size bytes.
Result<std::vector<ContentChunk>> split_content(const FileEntry& entry);

/// Reads frames. One thread at a time; make one a thread.
/// Memory: kChunkMax stored bytes, one frame's payload, a decompression context, openers of the last 16 packs.
class FrameReader {
 public:
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// Fills `out` (exactly chunk.size bytes): frames that lie near one another come with one range read, and each is
  /// opened and decoded once, however many parts of it are wanted. `file` names it in errors.
  /// Errors: corrupt naming pack, frame and file; not_found when the pack is missing.
  Result<void> read(const ContentChunk& chunk, MutableBytes out, std::string_view file);

  /// The whole content in order, a chunk at a time, and proves size and CRC-32C.
  using ContentVisitor = std::function<Result<void>(uint64_t offset, ByteView bytes)>;
  Result<void> read_file(const FileEntry& entry, const ContentVisitor& visit);

 private:
  friend class BackupReader;
  struct State;
  explicit FrameReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An opened backup. Thread-safe after open().
class BackupReader {
 public:
  /// Reads the manifest, and that of the full where the backup is an incremental.
  /// Errors: not_found; corrupt; denied when the keys cannot be opened.
  static Result<std::unique_ptr<BackupReader>> open(Repository& repository, const Label& label);
  ~BackupReader();
  BackupReader(const BackupReader&) = delete;
  BackupReader& operator=(const BackupReader&) = delete;

  const Manifest& manifest() const;
  const ManifestSummary& summary() const { return manifest().summary; }

  /// Every entry, in the order in which it was added. Memory: one stream frame and one record.
  /// Errors: corrupt, also when the table holds another number of entries than the manifest says; the visitor's own.
  Result<void> for_each_file(const std::function<Result<void>(const FileEntry&)>& visit, std::stop_token stop = {});
  /// The same, with the place of each record, for file_at().
  using PlaceVisitor = std::function<Result<void>(const FileEntry&, const FileTableParser::Place&)>;
  Result<void> for_each_place(const PlaceVisitor& visit, std::stop_token stop = {});

  Result<std::unique_ptr<FrameReader>> frame_reader();

  /// One record of the file table, `length` bytes from `offset` of the stream `files`, without its own length.
  /// Errors: corrupt.
  Result<FileEntry> file_at(uint64_t offset, uint64_t length);
  /// The hashes of a file's blocks, in order. Errors: corrupt when they do not lie in the stream.
  Result<std::vector<Hash128>> block_hashes(const BlockHashes& where);
  /// The hasher that made them.
  Result<std::shared_ptr<const PageHasher>> page_hasher();

 private:
  struct State;
  explicit BackupReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  friend class FrameReader;
};

}  // namespace spendsync::repository
