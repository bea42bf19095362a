// Where frames lie in packs, and how rows of them are written in about three bytes each (docs/format/packs.md).
#pragma once

#include <vector>

#include "base/bytes.h"

namespace spendsync::repository {

/// Which backup's packs a frame lies in: this one's, or those of the full that an incremental is based on.
enum class FrameSource : uint8_t { own = 0, base = 1 };

/// One frame in a pack. `pack` is the id that the manifest's pack list gives to it.
struct FrameRef {
  FrameSource source = FrameSource::own;
  uint32_t pack = 0;
  uint32_t number = 0;       // frame number in the pack's stream
  uint64_t offset = 0;       // of the frame header in the object, bytes
  uint32_t stored_size = 0;  // ciphertext, bytes, without header and tag
  uint32_t raw_size = 0;     // bytes of content
  bool operator==(const FrameRef&) const = default;
};

/// Consecutive frames of one pack. All hold `raw_size` bytes but the last, which holds `last_raw_size`.
/// The content is `length` bytes from `skip` of their concatenation (all of it, but for pages kept from a base frame).
struct FrameRun {
  FrameSource source = FrameSource::own;
  uint32_t pack = 0;
  uint32_t first_number = 0;
  uint64_t first_offset = 0;
  uint32_t raw_size = 0;
  uint32_t last_raw_size = 0;
  std::vector<uint32_t> stored_sizes;  // one a frame
  uint64_t skip = 0;
  uint64_t length = 0;

  size_t frames() const { return stored_sizes.size(); }
  uint32_t raw_size_of(size_t index) const { return index + 1 == frames() ? last_raw_size : raw_size; }
  /// Bytes of all frames together, before `skip` and `length`.
  uint64_t raw_bytes() const;
  bool operator==(const FrameRun&) const = default;
};

/// The content of a file or stream: runs in order, merged as frames are added. Value type.
class FrameRuns {
 public:
  /// Adds a whole frame at the end.
  void add(const FrameRef& frame);
  /// Adds `length` bytes from `skip` of the frame's content at the end.
  void add_part(const FrameRef& frame, uint64_t skip, uint64_t length);
  /// Adds runs that come after these: how several workers' parts of one file are put together.
  void append(FrameRuns&& later);
  /// Adds a run as it is (with skip and length): for content kept from the base backup.
  void add_run(FrameRun run);
  const std::vector<FrameRun>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }
  /// Sum of the lengths, bytes.
  uint64_t length() const;
  uint64_t frames() const;
  bool operator==(const FrameRuns& other) const { return runs_ == other.runs_; }

 private:
  std::vector<FrameRun> runs_;
  uint64_t end_offset_ = 0;  // where a frame that continues the last run would stand
};

/// No run is longer than this, so a reader's memory is bounded by what it decodes.
inline constexpr uint32_t kFramesPerRunMax = 1u << 20;

void encode_frame_runs(const FrameRuns& runs, Bytes& out);
/// Errors: corrupt for claims that the bytes cannot hold, sizes over the frame limit, or sums that overflow.
Result<FrameRuns> decode_frame_runs(ByteReader& in);

}  // namespace spendsync::repository
