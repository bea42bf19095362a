#include "repository/sealed_document.h"

namespace spendsync::repository {

Result<DocumentSealer> DocumentSealer::create(const crypto::SealContext& context, const crypto::DataKeyPtr& key,
                                              RandomSource& random) {
  auto sealer = TRY(crypto::StreamSealer::create(context, key, random));
  auto compressor = TRY(Compressor::create({Codec::zstd, 3}));
  DocumentSealer document(std::move(sealer), std::move(compressor));
  auto header = document.sealer_.header();
  document.bytes_.assign(header.begin(), header.end());
  return document;
}

Result<void> DocumentSealer::add(ByteView raw, bool last) {
  CHECK(raw.size() <= kDocumentFrameMax);
  auto encoded = TRY(compressor_.encode(raw));
  crypto::StreamSealer::FrameOptions options;
  options.raw_size = static_cast<uint32_t>(raw.size());
  options.codec = static_cast<uint8_t>(encoded.codec);
  options.last = last;
  TRY(sealer_.seal(encoded.payload, options, bytes_));
  return ok();
}

Result<Bytes> seal_document(const crypto::SealContext& context, const crypto::DataKeyPtr& key, RandomSource& random,
                            ByteView content) {
  auto sealer = TRY(DocumentSealer::create(context, key, random));
  while (content.size() > kDocumentFrameMax) {
    TRY(sealer.add(content.first(kDocumentFrameMax), false));
    content = content.subspan(kDocumentFrameMax);
  }
  TRY(sealer.add(content, true));
  return sealer.take();
}

Result<DocumentOpener> DocumentOpener::create(const crypto::SealContext& context, const crypto::DataKeyPtr& key,
                                              ByteView bytes) {
  if (bytes.size() < crypto::kStreamHeaderSize) return Error(ErrorKind::corrupt, "cut in its header");
  auto opener = TRY(crypto::StreamOpener::create(context, key, bytes.first(crypto::kStreamHeaderSize)));
  auto decompressor = TRY(Decompressor::create());
  return DocumentOpener(std::move(opener), std::move(decompressor), bytes);
}

Result<ByteView> DocumentOpener::next(size_t raw_max) {
  if (ended_) return Error(ErrorKind::corrupt, "a frame is asked for after the last one");
  auto opened = TRY(opener_.open(number_, bytes_.subspan(consumed_), payload_));
  if (opened.header.raw_size > raw_max) return Error(ErrorKind::corrupt, "a frame is larger than it may be here");
  raw_.resize(opened.header.raw_size);
  TRY(decompressor_.decode(opened.header.codec, payload_, raw_));
  ++number_;
  consumed_ += opened.consumed;
  ended_ = opened.header.last;
  return ByteView(raw_);
}

Result<void> DocumentOpener::expect_end() const {
  if (!ended_) return Error(ErrorKind::corrupt, "the last frame is missing");
  if (consumed_ != bytes_.size()) return Error(ErrorKind::corrupt, "bytes follow the last frame");
  return ok();
}

Result<Bytes> open_document(const crypto::SealContext& context, const crypto::DataKeyPtr& key, ByteView bytes,
                            uint64_t max_size) {
  auto opener = TRY(DocumentOpener::create(context, key, bytes));
  Bytes content;
  while (!opener.ended()) {
    auto raw = TRY(opener.next());
    if (content.size() + raw.size() > max_size) {
      return Error(ErrorKind::corrupt, "larger than expected");
    }
    content.insert(content.end(), raw.begin(), raw.end());
  }
  TRY(opener.expect_end());
  return content;
}

}  // namespace spendsync::repository
