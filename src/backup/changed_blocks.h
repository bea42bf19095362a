// What an incremental stores of a stretch of a file: the blocks whose keyed hashes differ from the full's.
#pragma once

#include <span>

#include "repository/base_files.h"
#include "repository/frame_writer.h"

namespace spendsync::backup {

/// The file as the full backup has it. All outlive what is made of it.
struct BaseContent {
  const repository::FileEntry& entry;  // with block_hashes
  std::span<const repository::Hash128> hashes;
  const repository::PageHasher& hasher;
};

/// For one range of a file, used by one thread. Changed blocks are gathered into frames, so that scattered pages
/// compress together; the result names them and the full's frames in the order of the file.
/// Memory: one frame, and 40 bytes for every stretch that changed.
class ChangedBlocks {
 public:
  /// `writer` takes the frames; `frame_size` in bytes, a multiple of the base's block size.
  ChangedBlocks(const BaseContent& base, repository::FrameWriter& writer, size_t frame_size);

  /// The next bytes of the file. `offset` is a multiple of the block size, and all but the last piece are too.
  Result<void> add(ByteView bytes, uint64_t offset);
  /// The next bytes of the file are the base's, as is known without reading them. Whole blocks within the base.
  void keep(uint64_t offset, uint64_t size);
  /// The content of the range.
  Result<repository::FrameRuns> finish();
  uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  struct Stretch {
    bool changed = false;
    uint64_t begin = 0;  // of the file; where it changed, of the frame
    uint64_t size = 0;
    size_t frame = 0;  // index in frames_, where it changed
  };
  bool is_unchanged(ByteView block, uint64_t offset) const;
  Result<void> store(ByteView block);
  Result<void> flush();

  const BaseContent& base_;
  repository::FrameWriter& writer_;
  const size_t frame_size_;
  Bytes pending_;
  std::vector<Stretch> stretches_;
  std::vector<repository::FrameRef> frames_;
  uint64_t stored_bytes_ = 0;
};

}  // namespace spendsync::backup
