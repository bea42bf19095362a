// The sealed index and the trailer at the end of every pack (docs/format/packs.md). Inside this folder only.
#pragma once

#include "crypto/digest.h"
#include "repository/layout.h"
#include "repository/page_hash.h"

namespace spendsync::repository {

/// One frame of a pack's stream, as the index tells it.
struct IndexedFrame {
  uint32_t stored_size = 0;
  uint32_t raw_size = 0;
  uint8_t codec = 0;
  Hash128 hash{};
};

struct PackIndex {
  crypto::KeyClass key_class = crypto::KeyClass::data;
  PackName name;
  uint64_t stream_bytes = 0;  // size of the stream, header included
  crypto::Sha256Digest tags{};
  std::vector<IndexedFrame> frames;  // all but the empty last one
};

/// Frames of a pack at most, the empty last one included: the index then fits one frame.
inline constexpr uint32_t kPackFramesMax = 16384;
inline constexpr size_t kPackTrailerSize = 16;
/// No index is larger, in bytes: kPackFramesMax frames of at most 28 bytes and the head.
inline constexpr size_t kPackIndexMax = 1u << 20;

Bytes encode_pack_index(const PackIndex& index);
/// Errors: corrupt.
Result<PackIndex> decode_pack_index(ByteView bytes);

void encode_pack_trailer(uint64_t index_offset, Bytes& out);
/// The index's offset. Errors: corrupt.
Result<uint64_t> decode_pack_trailer(ByteView bytes);

}  // namespace spendsync::repository
