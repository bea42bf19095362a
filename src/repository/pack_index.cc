#include "repository/pack_index.h"

#include "crypto/sealed_stream.h"

namespace spendsync::repository {
namespace {

constexpr uint8_t kVersion = 1;
constexpr std::string_view kTrailerMagic = "SSBPACK1";

Result<IndexedFrame> decode_frame(ByteReader& reader) {
  IndexedFrame frame;
  auto stored = TRY(reader.varint());
  auto raw = TRY(reader.varint());
  if (stored > crypto::kFramePayloadMax || raw > crypto::kFramePayloadMax || raw == 0) {
    return Error(ErrorKind::corrupt, "the pack's index claims an impossible frame");
  }
  frame.stored_size = static_cast<uint32_t>(stored);
  frame.raw_size = static_cast<uint32_t>(raw);
  frame.codec = TRY(reader.u8());
  auto hash = TRY(reader.raw(frame.hash.size()));
  std::memcpy(frame.hash.data(), hash.data(), hash.size());
  return frame;
}

}  // namespace

Bytes encode_pack_index(const PackIndex& index) {
  Bytes out;
  ByteWriter writer(out);
  writer.u8(kVersion);
  writer.u8(static_cast<uint8_t>(index.key_class));
  writer.text(index.name.to_string());
  writer.varint(index.stream_bytes);
  writer.varint(index.frames.size() + 1);
  writer.raw(index.tags);
  for (const auto& frame : index.frames) {
    writer.varint(frame.stored_size);
    writer.varint(frame.raw_size);
    writer.u8(frame.codec);
    writer.raw(frame.hash);
  }
  return out;
}

Result<PackIndex> decode_pack_index(ByteView bytes) {
  ByteReader reader(bytes);
  auto version = TRY(reader.u8());
  if (version != kVersion) return Error(ErrorKind::unsupported, "unknown version of a pack's index");
  PackIndex index;
  auto key_class = TRY(reader.u8());
  if (key_class != 1 && key_class != 2) return Error(ErrorKind::corrupt, "the pack's index has an unknown key class");
  index.key_class = static_cast<crypto::KeyClass>(key_class);
  auto name = TRY(reader.text(64));
  auto parsed = PackName::parse(name);
  if (!parsed) return Error(ErrorKind::corrupt, "the pack's index names no pack");
  index.name = *parsed;
  index.stream_bytes = TRY(reader.varint());
  auto frames = TRY(reader.varint());
  if (frames == 0 || frames > kPackFramesMax)
    return Error(ErrorKind::corrupt, "the pack's index claims too many frames");
  auto tags = TRY(reader.raw(index.tags.size()));
  std::memcpy(index.tags.data(), tags.data(), tags.size());
  for (uint64_t i = 0; i + 1 < frames; ++i) {
    auto frame = TRY(decode_frame(reader));
    index.frames.push_back(frame);
  }
  TRY(reader.expect_end());
  return index;
}

void encode_pack_trailer(uint64_t index_offset, Bytes& out) {
  ByteWriter writer(out);
  writer.u64(index_offset);
  writer.raw(as_bytes(kTrailerMagic));
}

Result<uint64_t> decode_pack_trailer(ByteView bytes) {
  ByteReader reader(bytes);
  auto offset = TRY(reader.u64());
  auto magic = TRY(reader.raw(kTrailerMagic.size()));
  TRY(reader.expect_end());
  if (as_text(magic) != kTrailerMagic) return Error(ErrorKind::corrupt, "the pack does not end with its trailer");
  return offset;
}

}  // namespace spendsync::repository
