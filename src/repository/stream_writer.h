// A logical stream: bytes cut into frames of 1 MiB in meta packs (docs/format/manifest.md). Inside this folder only.
#pragma once

#include "repository/frame_writer.h"
#include "repository/manifest.h"

namespace spendsync::repository {

/// One thread at a time. Memory: one frame and a FrameWriter, and four bytes a frame for its table.
class StreamWriter {
 public:
  static Result<std::unique_ptr<StreamWriter>> create(PackSink& sink, Compressor::Settings compression);
  Result<void> append(ByteView bytes);
  /// Bytes appended so far: where the next append begins.
  uint64_t length() const { return table_.length; }
  Result<StreamTable> finish();

 private:
  explicit StreamWriter(std::unique_ptr<FrameWriter> frames) : frames_(std::move(frames)) {}
  Result<void> flush();
  std::unique_ptr<FrameWriter> frames_;
  Bytes pending_;
  StreamTable table_;
};

}  // namespace spendsync::repository
