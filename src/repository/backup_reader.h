// Reading a backup: its manifest, its files, their content (docs/format/manifest.md, packs.md).
#pragma once

#include <memory>

#include "repository/codec.h"
#include "repository/file_table.h"
#include "repository/manifest.h"
#include "repository/page_hash.h"

namespace spendsync::repository {

class BackupReader;

/// A stretch of a file's content that one range read fetches: at most kChunkMax bytes stored and raw.
struct ContentChunk {
  uint64_t offset = 0;            // in the file, bytes
  uint64_t size = 0;              // bytes of content
  const FrameRun* run = nullptr;  // in the entry, which must outlive the chunk
  size_t first = 0;               // index of its first frame in the run
  uint64_t object_offset = 0;     // of that frame's header in the pack, bytes
  size_t frames = 0;
  uint64_t skip = 0;  // bytes of the first frame's content that come before `offset`
};
inline constexpr uint32_t kChunkMax = 4u << 20;  // more only where a single frame is larger

/// Cuts content into chunks, in order; workers may read them in any order. 64 bytes a chunk of 4 MiB.
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

  /// Fills `out` (exactly chunk.size bytes) with one range read. `file` names it in errors.
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

  Result<std::unique_ptr<FrameReader>> frame_reader();

  /// The page hashes of a file, in order. Errors: corrupt when they do not lie in the stream.
  Result<std::vector<Hash128>> page_hashes(const PageHashes& where);
  /// The hasher that made them.
  Result<std::shared_ptr<const PageHasher>> page_hasher();

 private:
  struct State;
  explicit BackupReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  friend class FrameReader;
};

}  // namespace spendsync::repository
