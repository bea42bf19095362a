// Sealed documents: one stream in an object of its own (docs/format/sealing.md, last paragraph). Inside this folder
// only.
#pragma once

#include <functional>

#include "crypto/sealed_stream.h"
#include "repository/codec.h"

namespace spendsync::repository {

/// Raw bytes of a document's frame at most.
inline constexpr size_t kDocumentFrameMax = 1u << 20;

/// Seals frames of given content into one object. One thread.
class DocumentSealer {
 public:
  static Result<DocumentSealer> create(const crypto::SealContext& context, const crypto::DataKeyPtr& key,
                                       RandomSource& random);
  /// `raw` of at most kDocumentFrameMax bytes becomes one frame, compressed where that saves something.
  Result<void> add(ByteView raw, bool last);
  /// The object so far; whole once the last frame was added.
  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  DocumentSealer(crypto::StreamSealer sealer, Compressor compressor)
      : sealer_(std::move(sealer)), compressor_(std::move(compressor)) {}
  crypto::StreamSealer sealer_;
  Compressor compressor_;
  Bytes bytes_;
};

/// The object's bytes for `content`, cut into frames.
Result<Bytes> seal_document(const crypto::SealContext& context, const crypto::DataKeyPtr& key, RandomSource& random,
                            ByteView content);

/// Opens the frames of a stream that lies in memory, in order. One thread.
class DocumentOpener {
 public:
  /// `bytes` outlives it and begins with the stream header.
  static Result<DocumentOpener> create(const crypto::SealContext& context, const crypto::DataKeyPtr& key,
                                       ByteView bytes);
  /// The next frame's raw content, valid until the next call. Errors: corrupt; also when a frame is over `raw_max`.
  Result<ByteView> next(size_t raw_max = kDocumentFrameMax);
  /// The last frame was read.
  bool ended() const { return ended_; }
  /// Bytes of the object that were read, header included.
  size_t consumed() const { return consumed_; }
  uint64_t frames() const { return number_; }
  /// Errors: corrupt unless the last frame was read and nothing follows it.
  Result<void> expect_end() const;

 private:
  DocumentOpener(crypto::StreamOpener opener, Decompressor decompressor, ByteView bytes)
      : opener_(std::move(opener)), decompressor_(std::move(decompressor)), bytes_(bytes) {}
  crypto::StreamOpener opener_;
  Decompressor decompressor_;
  ByteView bytes_;
  size_t consumed_ = crypto::kStreamHeaderSize;
  uint64_t number_ = 0;
  bool ended_ = false;
  Bytes payload_;
  Bytes raw_;
};

/// The whole content. Errors: corrupt, also over `max_size` bytes.
Result<Bytes> open_document(const crypto::SealContext& context, const crypto::DataKeyPtr& key, ByteView bytes,
                            uint64_t max_size);

}  // namespace spendsync::repository
