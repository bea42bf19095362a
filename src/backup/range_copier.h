// The hot path: a stretch of a file, read, looked at, hashed and handed to the pack, frame by frame, on one core.
#pragma once

#include <functional>
#include <optional>
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
    /// Where known: the blocks of the base, by their number in the file, ascending, that may differ in the file. The
    /// others are kept without being read. Requires: base.
    std::optional<std::span<const uint32_t>> changed_blocks;
  };
  struct Copied {
    uint64_t size = 0;           // bytes of content
    uint32_t crc32c = 0;         // of those, where all of them were read
    uint64_t unread = 0;         // of those, bytes that were kept from the base without being read
    bool crc_from_base = false;  // all is the base's, and so is its CRC
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
  struct Stretch {
    uint64_t size = 0;  // bytes
    bool unread = false;
  };
  Stretch next_stretch(const Range& range, uint64_t done) const;
  Result<Piece> read_piece(const Range& range, uint64_t done, uint64_t size);
  Result<void> append(ByteView bytes, Copied& copied);
  void hash_blocks(ByteView bytes, size_t block_size, std::span<repository::Hash128> out) const;

  Settings settings_;
  Collaborators collaborators_;
  PageCheck page_check_;
  Bytes buffer_;
  bool failed_reading_ = false;
};

}  // namespace spendsync::backup
