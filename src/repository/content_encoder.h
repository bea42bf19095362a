// The frames of one WAL file, compressed by several threads at once.
#pragma once

#include <atomic>
#include <vector>

#include "base/worker_group.h"
#include "repository/codec.h"

namespace spendsync::repository {

/// Begins compressing when it is made, so that its maker can do something else meanwhile (hash the content). `content`
/// must outlive it. One owner. Memory: the compressed frames, and a compression context a thread.
class ContentEncoder {
 public:
  struct Settings {
    Compressor::Settings compression;
    size_t frame_size = 1u << 20;  // bytes
    unsigned threads = 1;          // the one that calls finish() is one of them
  };
  struct Frame {
    ByteView raw;
    Bytes compressed;  // empty: `raw` is stored as it is
    Codec codec = Codec::none;
    ByteView payload() const { return codec == Codec::none ? raw : ByteView(compressed); }
  };
  ContentEncoder(Settings settings, ByteView content);

  /// Helps until all is compressed. The frames in order; at least one, which is empty for empty content.
  Result<std::vector<Frame>> finish();

 private:
  Result<void> encode_some(std::stop_token stop);

  const Settings settings_;
  std::vector<Frame> frames_;
  std::atomic<size_t> next_{0};
  WorkerGroup workers_;  // last: its threads use all of the above
};

}  // namespace spendsync::repository
