#include "repository/manifest.h"

#include "repository/manifest_json.h"
#include "repository/sealed_document.h"

namespace spendsync::repository {
namespace {

struct EncodedFrame {
  Bytes payload;
  uint32_t raw_size = 0;
  Codec codec = Codec::none;
};

Result<EncodedFrame> encode_frame(Compressor& compressor, std::string_view text) {
  if (text.size() > kDocumentFrameMax) return Error(ErrorKind::invalid, "a part of the manifest is larger than 1 MiB");
  auto encoded = TRY(compressor.encode(as_bytes(text)));
  EncodedFrame frame;
  frame.payload.assign(encoded.payload.begin(), encoded.payload.end());
  frame.raw_size = static_cast<uint32_t>(text.size());
  frame.codec = encoded.codec;
  return frame;
}

Result<void> seal_frame(crypto::StreamSealer& sealer, const EncodedFrame& frame, bool last, Bytes& out) {
  crypto::StreamSealer::FrameOptions options;
  options.raw_size = frame.raw_size;
  options.codec = static_cast<uint8_t>(frame.codec);
  options.last = last;
  TRY(sealer.seal(frame.payload, options, out));
  return ok();
}

}  // namespace

Result<Bytes> seal_manifest(Repository& repository, Manifest& manifest, const crypto::DataKeyPtr& meta_key) {
  auto compressor = TRY(Compressor::create({Codec::zstd, 3}));
  std::vector<EncodedFrame> body;
  manifest.summary.body_bytes = 0;
  for (const auto& text : encode_body(manifest.body)) {
    auto frame = TRY(encode_frame(compressor, text));
    manifest.summary.body_bytes += crypto::kFrameOverhead + frame.payload.size();
    body.push_back(std::move(frame));
  }
  auto summary = TRY(encode_frame(compressor, encode_summary(manifest.summary)));

  auto context = repository.seal_context(ObjectType::manifest, repository.layout().manifest(manifest.summary.label));
  auto sealer = TRY(crypto::StreamSealer::create(context, meta_key, repository.random()));
  auto header = sealer.header();
  Bytes object(header.begin(), header.end());
  TRY(seal_frame(sealer, summary, false, object));
  for (const auto& frame : body) TRY(seal_frame(sealer, frame, &frame == &body.back(), object));
  return object;
}

namespace {

/// An opener of the manifest whose object begins with `bytes`. Errors: conflict when it is a tombstone.
Result<DocumentOpener> open_manifest(Repository& repository, const Label& label, ByteView bytes) {
  auto key = repository.layout().manifest(label);
  auto meta_key = TRY(repository.key_of(bytes, key));
  auto opener = DocumentOpener::create(repository.seal_context(ObjectType::manifest, key), meta_key, bytes);
  if (opener) return opener;
  auto tombstone = DocumentOpener::create(repository.seal_context(ObjectType::tombstone, key), meta_key, bytes);
  if (tombstone) {
    return Error(ErrorKind::conflict,
                 label.text() + " was collected as an unfinished run: a tombstone stands at its manifest");
  }
  return std::move(opener).error().with_context(key.text());
}

Result<ManifestSummary> check_summary(const Label& label, Result<ManifestSummary> decoded) {
  auto summary = TRY(std::move(decoded));
  if (summary.label != label) return Error(ErrorKind::corrupt, "it describes " + summary.label.text());
  return summary;
}

/// Bytes of the object that hold all of frame 0, when the first `have` of them are known. Errors: corrupt.
Result<uint64_t> first_frame_end(ByteView have) {
  if (have.size() < crypto::kStreamHeaderSize) return Error(ErrorKind::corrupt, "cut in its header");
  auto frame = TRY(crypto::read_frame_header(have.subspan(crypto::kStreamHeaderSize)));
  return crypto::kStreamHeaderSize + crypto::kFrameOverhead + frame.stored_size;
}

}  // namespace

Result<ManifestSummary> read_manifest_summary(Repository& repository, const Label& label, uint64_t object_size) {
  auto key = repository.layout().manifest(label);
  constexpr uint64_t kFirstRead = 16u << 10;  // holds all but unusual summaries
  Bytes bytes(std::min(object_size, kFirstRead));
  TRY_CONTEXT(repository.store().get_range(key, 0, bytes), "reading " + key.text());
  auto end = TRY_CONTEXT(first_frame_end(bytes), key.text());
  if (end > object_size) return Error(ErrorKind::corrupt, key.text() + " is cut");
  if (end > bytes.size()) {
    bytes.resize(end);
    TRY_CONTEXT(repository.store().get_range(key, 0, bytes), "reading " + key.text());
  }
  auto opener = TRY(open_manifest(repository, label, bytes));
  auto frame = TRY_CONTEXT(opener.next(), key.text());
  auto summary = TRY_CONTEXT(check_summary(label, decode_summary(frame)), key.text());
  if (opener.ended() || opener.consumed() + summary.body_bytes != object_size) {
    return Error(ErrorKind::corrupt, key.text() + " has " + std::to_string(object_size) + " bytes instead of " +
                                         std::to_string(opener.consumed() + summary.body_bytes));
  }
  return summary;
}

Result<Manifest> read_manifest(Repository& repository, const Label& label) {
  auto key = repository.layout().manifest(label);
  auto bytes = TRY_CONTEXT(repository.store().get(key, kDocumentMax), "reading " + key.text());
  auto opener = TRY(open_manifest(repository, label, bytes));
  Manifest manifest;
  auto frame = TRY_CONTEXT(opener.next(), key.text());
  manifest.summary = TRY_CONTEXT(check_summary(label, decode_summary(frame)), key.text());
  BodyDecoder body;
  while (!opener.ended()) {
    auto part = TRY_CONTEXT(opener.next(), key.text());
    TRY_CONTEXT(body.feed(part), key.text());
  }
  TRY_CONTEXT(opener.expect_end(), key.text());
  manifest.body = TRY_CONTEXT(body.finish(), key.text());
  if (manifest.body.packs.size() != manifest.summary.packs) {
    return Error(ErrorKind::corrupt, key.text() + " lists another number of packs than its summary says");
  }
  return manifest;
}

}  // namespace spendsync::repository
