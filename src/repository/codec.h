// Compression of frames (docs/format/packs.md, "Codecs").
#pragma once

#include <memory>

#include "base/bytes.h"

namespace spendsync::repository {

/// Codec id of a frame header.
enum class Codec : uint8_t { none = 0, zstd = 1 };
std::string_view to_string(Codec codec);
Result<Codec> parse_codec(std::string_view text);

/// Compresses frames, one at a time, with one reused context and one reused buffer. One thread at a time.
/// Memory: the context (about 1 MiB at level 1) and ZSTD_compressBound of the largest frame seen.
class Compressor {
 public:
  struct Settings {
    Codec codec = Codec::zstd;
    int level = 1;
  };
  /// Errors: invalid for a level zstd does not have; exhausted without memory.
  static Result<Compressor> create(Settings settings);
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  ~Compressor();

  struct Encoded {
    ByteView payload;  // valid until the next call, or a view of `raw` itself (codec none)
    Codec codec = Codec::none;
  };
  /// Stored as it is where compression saves less than 1/64: decompression would cost more than it gives.
  Result<Encoded> encode(ByteView raw);

 private:
  struct State;
  explicit Compressor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Decompresses frames. One thread at a time.
class Decompressor {
 public:
  static Result<Decompressor> create();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  ~Decompressor();

  /// Fills `out` exactly. Never writes past it and allocates nothing that the payload asks for.
  /// Errors: corrupt when the payload does not decode to exactly out.size() bytes; unsupported for an unknown codec.
  Result<void> decode(uint8_t codec, ByteView payload, MutableBytes out);

 private:
  struct State;
  explicit Decompressor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace spendsync::repository
