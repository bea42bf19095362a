// Sealed streams: AES-256-GCM frames under a per-object key (docs/format/sealing.md).
#pragma once

#include <memory>

#include "crypto/data_key.h"

namespace spendsync::crypto {

/// What every frame is bound to besides its header and number. A stream opens only under the same values.
struct SealContext {
  std::array<std::byte, 32> repository{};  // SHA-256 of the repository object's bytes
  std::string cluster;                     // "<cluster>/<system identifier>"
  std::string object_type;                 // "pack", "manifest", "wal" ...: docs/format/layout.md
  std::string object_key;                  // relative to the prefix
};

/// Fixed sizes in bytes, as docs/format/sealing.md states them.
inline constexpr size_t kStreamHeaderSize = 96;
inline constexpr size_t kFrameHeaderSize = 12;
inline constexpr size_t kTagSize = 16;
inline constexpr size_t kFrameOverhead = kFrameHeaderSize + kTagSize;
inline constexpr size_t kFramePayloadMax = 8u << 20;

/// Clear but authenticated head of a frame.
struct FrameHeader {
  uint32_t stored_size = 0;  // bytes of ciphertext, without header and tag
  uint32_t raw_size = 0;     // bytes after decompression
  uint8_t codec = 0;         // repository/codec.h
  bool last = false;         // the stream ends with this frame
};

/// The clear head of a stream: which key opens it.
struct StreamHeader {
  KeyId key_id;
  KeyClass key_class = KeyClass::data;
};
/// Errors: corrupt (bad magic, size), unsupported (newer format version).
Result<StreamHeader> read_stream_header(ByteView bytes);

class NonceObserver;

/// Seals the frames of one stream, in order. One thread at a time.
class StreamSealer {
 public:
  /// Derives a fresh object key from a random salt, so no (key, nonce) pair ever repeats.
  static Result<StreamSealer> create(const SealContext& context, const DataKeyPtr& key, RandomSource& random);
  StreamSealer(StreamSealer&&) noexcept;
  StreamSealer& operator=(StreamSealer&&) noexcept;
  ~StreamSealer();

  /// The kStreamHeaderSize bytes that must stand before the first frame.
  ByteView header() const;
  /// Appends frame header, ciphertext and tag of `payload` (compressed already, at most kFramePayloadMax) to `out`.
  /// `payload` may not lie in `out`. Returns the frame's number. Errors: internal after a last frame or 2^32 frames.
  struct FrameOptions {
    uint32_t raw_size = 0;
    uint8_t codec = 0;
    bool last = false;
  };
  Result<uint64_t> seal(ByteView payload, FrameOptions options, Bytes& out);
  uint64_t frames_sealed() const;

 private:
  friend class StreamSealerTestAccess;  // defined in sealed_stream_test.cc: sees every nonce
  struct State;
  static Result<StreamSealer> create_observed(const SealContext& context, const DataKeyPtr& key, RandomSource& random,
                                              NonceObserver* observer);
  explicit StreamSealer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Opens frames of one stream in any order. One thread at a time; make one per thread (cheap).
class StreamOpener {
 public:
  /// `header` is what the stream begins with. Errors: corrupt when the key commitment does not match: wrong key,
  /// wrong object, or a changed header.
  static Result<StreamOpener> create(const SealContext& context, const DataKeyPtr& key, ByteView header);
  StreamOpener(StreamOpener&&) noexcept;
  StreamOpener& operator=(StreamOpener&&) noexcept;
  ~StreamOpener();

  /// Opens frame `number` which stands at the beginning of `bytes` (more may follow). The payload replaces the
  /// content of `payload`; `consumed` counts header, ciphertext and tag. Nothing unauthenticated is ever returned.
  struct OpenedFrame {
    FrameHeader header;
    size_t consumed = 0;
  };
  Result<OpenedFrame> open(uint64_t number, ByteView bytes, Bytes& payload);

 private:
  struct State;
  explicit StreamOpener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Reads a frame's clear head. Errors: corrupt when too short or over kFramePayloadMax.
Result<FrameHeader> read_frame_header(ByteView bytes);

}  // namespace spendsync::crypto
