// Reads whole packs and proves every byte of them. Inside this folder only.
#pragma once

#include "crypto/sealed_stream.h"
#include "repository/codec.h"
#include "repository/manifest.h"
#include "repository/pack_index.h"

namespace spendsync::repository {

/// What files are proved with afterwards, without reading their content again: 8 bytes a frame.
struct ProvedFrame {
  uint32_t raw_size = 0;
  uint32_t crc32c = 0;
};

/// One thread at a time. Memory: 4 MiB and three frames.
class PackVerifier {
 public:
  static Result<PackVerifier> create(Repository& repository, const Label& label, std::stop_token stop);

  /// The frames of the pack. Errors: not_found; corrupt: frame, index, trailer, size or anything left over.
  Result<std::vector<ProvedFrame>> verify(const PackRecord& pack);

 private:
  PackVerifier(Repository& repository, Label label, std::stop_token stop, Decompressor decompressor)
      : repository_(&repository), label_(std::move(label)), stop_(stop), decompressor_(std::move(decompressor)) {}
  struct Pass;
  Result<ByteView> window(Pass& pass, size_t wanted);
  Result<void> verify_frames(Pass& pass);
  Result<bool> verify_frame(Pass& pass, crypto::StreamOpener& opener);
  Result<void> verify_index(Pass& pass);

  Repository* repository_;
  Label label_;
  std::stop_token stop_;
  Decompressor decompressor_;
  Bytes buffer_;
  Bytes payload_;
  Bytes raw_;
};

}  // namespace spendsync::repository
