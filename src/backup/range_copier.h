// The hot path: a stretch of a file, read, looked at, hashed and handed to the pack, frame by frame, on one core.
#pragma once

#include <functional>
#include <span>

#include "backup/changed_blocks.h"
#include "backup/page_check.h"
#include "base/progress.h"
#include "repository/frame_writer.h"
#include "repository/page_hash.h"

namespace spendsync::backup {

/// One per worker thread. Works in one buffer of its own, the size of a frame: what was read is still in the core's
/// cache when it is compressed. No locks, and no allocation a frame but for the growth of the result.
class RangeCopier {
 public:
  struct Settings {
    uint32_t frame_size = 256u << 10;  // bytes; a multiple of the page size
    PageCheck::Settings pages;
    std::function<void(std::string_view name, uint64_t offset)> before_read;  // tests change files here; else empty
  };
  /// All of these outlive it.
  struct Collaborators {
    repository::FrameWriter& writer;
    const repository::PageHasher& hasher;
    const Clock& clock;
    Progress& progress;
  };
  RangeCopier(Settings settings, Collaborators collaborators);

  struct Range {
    PageCheck::Source source;
    uint64_t offset = 0;  // a multiple of the frame size
    uint64_t size = 0;    // bytes wanted
    bool check_pages = false;
    bool fill_with_zeros = false;  // where the file has become shorter; else the range ends there
    /// Empty, or one for every block of the range, to be filled. `block_size` divides the frame size.
    std::span<repository::Hash128> block_hashes;
    uint32_t block_size = 0;            // bytes
    const BaseContent* base = nullptr;  // what is the same there is not stored again
  };
  struct Copied {
    uint64_t size = 0;    // bytes of content
    uint32_t crc32c = 0;  // of those
    repository::FrameRuns content;
    std::vector<uint32_t> bad_blocks;  // counted from the file's beginning
  };
  /// What only this reading brought into the page cache is given back.
  /// Errors: reading (file and offset named), those of the writer, cancelled.
  Result<Copied> copy(const Range& range, std::stop_token stop);
  /// Whether the error that copy() returned came from reading the source, not from the repository.
  bool failed_reading() const { return failed_reading_; }
  /// A new file begins, for PageCheck's limits.
  void begin_file() { page_check_.begin_file(); }

  /// Content that is in memory already.
  Result<Copied> store(ByteView content);

 private:
  struct Piece {
    size_t size = 0;    // bytes that belong to the file's content
    size_t read = 0;    // of those, read; the others are zeros
    bool ends = false;  // the file has become shorter and the range ends with this piece
  };
  Result<void> copy_pieces(const Range& range, Copied& copied, std::stop_token stop);
  Result<void> look_at(const Range& range, const Piece& piece, Copied& copied, std::stop_token stop);
  Result<Piece> read_piece(const Range& range, uint64_t done);
  Result<void> append(ByteView bytes, Copied& copied);
  void hash_blocks(ByteView bytes, size_t block_size, std::span<repository::Hash128> out) const;

  Settings settings_;
  Collaborators collaborators_;
  PageCheck page_check_;
  Bytes buffer_;
  bool failed_reading_ = false;
};

}  // namespace spendsync::backup
