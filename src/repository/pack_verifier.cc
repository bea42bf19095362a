#include "repository/pack_verifier.h"

#include <algorithm>

#include "base/crc32c.h"
#include "repository/sealed_document.h"

namespace spendsync::repository {

/// One pack on its way through the buffer.
struct PackVerifier::Pass {
  const PackRecord& pack;
  storage::ObjectKey key;
  uint64_t position = 0;    // of the next byte to be proved
  size_t buffer_begin = 0;  // where that byte lies in the buffer
  size_t buffer_end = 0;    // valid bytes
  uint64_t fetched = 0;     // bytes read from the object
  crypto::Sha256 tags;
  std::vector<IndexedFrame> seen;  // sizes and codecs, to be compared with the index
  std::vector<ProvedFrame> proved;

  Pass(const PackRecord& record, storage::ObjectKey object_key) : pack(record), key(std::move(object_key)) {}
};

Result<PackVerifier> PackVerifier::create(Repository& repository, const Label& label, std::stop_token stop) {
  auto decompressor = TRY(Decompressor::create());
  return PackVerifier(repository, label, stop, std::move(decompressor));
}

Result<std::vector<ProvedFrame>> PackVerifier::verify(const PackRecord& pack) {
  Pass pass(pack, repository_->layout().pack(label_, pack.name));
  auto info = TRY(repository_->store().stat(pass.key));
  if (info.size != pack.size) {
    return Error(ErrorKind::corrupt,
                 "it has " + std::to_string(info.size) + " bytes, the manifest says " + std::to_string(pack.size));
  }
  TRY(verify_frames(pass));
  TRY(verify_index(pass));
  return std::move(pass.proved);
}

/// The next bytes of the object, at least `wanted` of them. Errors: corrupt when the object ends before.
Result<ByteView> PackVerifier::window(Pass& pass, size_t wanted) {
  constexpr size_t kPiece = 4u << 20;
  if (pass.buffer_end - pass.buffer_begin < wanted) {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(pass.buffer_begin),
              buffer_.begin() + static_cast<std::ptrdiff_t>(pass.buffer_end), buffer_.begin());
    pass.buffer_end -= pass.buffer_begin;
    pass.buffer_begin = 0;
    auto room = std::max(wanted, kPiece);
    if (buffer_.size() < room) buffer_.resize(room);
    auto more = std::min<uint64_t>(room - pass.buffer_end, pass.pack.size - pass.fetched);
    if (pass.buffer_end + more < wanted) return Error(ErrorKind::corrupt, "it ends too early");
    TRY(repository_->store().get_range(pass.key, pass.fetched, MutableBytes(buffer_).subspan(pass.buffer_end, more)));
    pass.fetched += more;
    pass.buffer_end += more;
  }
  return ByteView(buffer_).subspan(pass.buffer_begin, pass.buffer_end - pass.buffer_begin);
}

Result<void> PackVerifier::verify_frames(Pass& pass) {
  auto header = TRY(window(pass, crypto::kStreamHeaderSize));
  auto key = TRY(repository_->key_of(header, pass.key));
  if (key->key_class != pass.pack.key_class)
    return Error(ErrorKind::corrupt, "it is sealed under a key of another class");
  auto context = repository_->seal_context(ObjectType::pack, pass.key);
  auto opener = TRY(crypto::StreamOpener::create(context, key, header.first(crypto::kStreamHeaderSize)));
  pass.buffer_begin += crypto::kStreamHeaderSize;
  pass.position = crypto::kStreamHeaderSize;
  bool last = false;
  while (!last) {
    if (pass.proved.size() >= pass.pack.frames)
      return Error(ErrorKind::corrupt, "it has more frames than the manifest says");
    last = TRY_CONTEXT(verify_frame(pass, opener), "frame " + std::to_string(pass.seen.size()));
  }
  bool agrees = pass.position == pass.pack.index_offset && pass.seen.size() + 1 == pass.pack.frames &&
                pass.tags.finish() == pass.pack.tags;
  if (!agrees) return Error(ErrorKind::corrupt, "its frames are not those that the manifest names");
  return ok();
}

/// Whether it was the last one.
Result<bool> PackVerifier::verify_frame(Pass& pass, crypto::StreamOpener& opener) {
  auto head = TRY(window(pass, crypto::kFrameHeaderSize));
  auto claimed = TRY(crypto::read_frame_header(head));
  auto bytes = TRY(window(pass, crypto::kFrameOverhead + claimed.stored_size));
  auto frame = TRY(opener.open(pass.seen.size(), bytes, payload_));
  pass.tags.update(bytes.subspan(frame.consumed - crypto::kTagSize, crypto::kTagSize));
  pass.buffer_begin += frame.consumed;
  pass.position += frame.consumed;
  if (frame.header.last) {
    if (frame.header.raw_size != 0 || !payload_.empty())
      return Error(ErrorKind::corrupt, "the last frame is not empty");
    return true;
  }
  raw_.resize(frame.header.raw_size);
  TRY(decompressor_.decode(frame.header.codec, payload_, raw_));
  pass.seen.push_back({frame.header.stored_size, frame.header.raw_size, frame.header.codec, {}});
  pass.proved.push_back({frame.header.raw_size, crc32c(0, raw_)});
  return false;
}

Result<void> PackVerifier::verify_index(Pass& pass) {
  auto rest = pass.pack.size - pass.position;
  constexpr uint64_t kRestMax = kPackIndexMax + 64u * 1024;
  if (rest > kRestMax || rest < kPackTrailerSize)
    return Error(ErrorKind::corrupt, "the size of its index is impossible");
  auto bytes = TRY(window(pass, rest));
  auto offset = TRY(decode_pack_trailer(bytes.last(kPackTrailerSize)));
  if (offset != pass.pack.index_offset)
    return Error(ErrorKind::corrupt, "its trailer names another place for the index");
  auto sealed = bytes.first(rest - kPackTrailerSize);
  auto key = TRY_CONTEXT(repository_->key_of(sealed, pass.key), "its index");
  auto context = repository_->seal_context(ObjectType::pack_index, pass.key);
  auto content = TRY_CONTEXT(open_document(context, key, sealed, kPackIndexMax), "its index");
  auto index = TRY_CONTEXT(decode_pack_index(content), "its index");
  bool agrees = index.name == pass.pack.name && index.key_class == pass.pack.key_class &&
                index.stream_bytes == pass.position && index.tags == pass.pack.tags &&
                std::equal(index.frames.begin(), index.frames.end(), pass.seen.begin(), pass.seen.end(),
                           [](const auto& a, const auto& b) {
                             return a.stored_size == b.stored_size && a.raw_size == b.raw_size && a.codec == b.codec;
                           });
  if (!agrees) return Error(ErrorKind::corrupt, "its index does not describe its frames");
  return ok();
}

}  // namespace spendsync::repository
