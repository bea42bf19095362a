// Sealing frames into packs: the hot path of a backup (docs/format/packs.md).
#pragma once

#include <memory>

#include "crypto/data_key.h"
#include "repository/codec.h"
#include "repository/frame.h"

namespace spendsync::repository {

class PackSink;

/// Appends frames to packs of its own, one pack at a time. One thread at a time; one writer a worker.
/// A frame is compressed into a reused buffer, sealed into a reused buffer and handed to the store: no other copy, no
/// allocation and no lock a frame. A full pack gets its index here and is finished by the run's finisher threads
/// while this writer goes on with a new one.
/// Memory: 2 x (largest frame + 1 KiB) + compression context (about 1.3 MiB at level 1) + the pack's index (28 bytes
/// a frame).
class FrameWriter {
 public:
  ~FrameWriter();
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  /// Stores `raw` (1 byte to kFramePayloadMax) as one frame, or finds the one that an interrupted run has sent.
  /// `raw` stays the caller's.
  /// Errors: those of the store; what made a finisher fail; cancelled. After an error the writer is unusable.
  Result<FrameRef> append(ByteView raw);

  /// Ends the open pack. Must be called before the run is committed. Nothing may be appended after it.
  Result<void> finish();

  /// For BackupRun and the streams of this folder; others ask BackupRun::frame_writer(). `sink` outlives the writer.
  static Result<std::unique_ptr<FrameWriter>> create(PackSink& sink, crypto::KeyClass key_class,
                                                     Compressor::Settings compression);

 private:
  struct State;
  explicit FrameWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::repository
