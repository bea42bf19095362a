#include "repository/codec.h"

#include <zstd.h>

namespace spendsync::repository {

std::string_view to_string(Codec codec) {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::zstd:
      return "zstd";
  }
  return "unknown";
}

Result<Codec> parse_codec(std::string_view text) {
  if (text == "none") return Codec::none;
  if (text == "zstd") return Codec::zstd;
  return Error(ErrorKind::invalid, "'" + std::string(text) + "' is no codec").with_hint("none or zstd");
}

struct Compressor::State {
  Settings settings;
  ZSTD_CCtx* context = nullptr;
  Bytes buffer;  // only grows: no allocation a frame
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeCCtx(context); }
};

Compressor::Compressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;
Compressor::~Compressor() = default;

Result<Compressor> Compressor::create(Settings settings) {
  auto state = std::make_unique<State>();
  state->settings = settings;
  if (settings.codec == Codec::none) return Compressor(std::move(state));
  if (settings.level < ZSTD_minCLevel() || settings.level > ZSTD_maxCLevel()) {
    return Error(ErrorKind::invalid, "zstd has no level " + std::to_string(settings.level));
  }
  state->context = ZSTD_createCCtx();
  if (state->context == nullptr) return Error(ErrorKind::exhausted, "no memory for a compression context");
  auto set = ZSTD_CCtx_setParameter(state->context, ZSTD_c_compressionLevel, settings.level);
  if (ZSTD_isError(set) != 0) return Error(ErrorKind::internal, std::string("zstd: ") + ZSTD_getErrorName(set));
  return Compressor(std::move(state));
}

Result<Compressor::Encoded> Compressor::encode(ByteView raw) {
  if (state_->context == nullptr || raw.empty()) return Encoded{raw, Codec::none};
  auto bound = ZSTD_compressBound(raw.size());
  if (state_->buffer.size() < bound) state_->buffer.resize(bound);
  auto size = ZSTD_compress2(state_->context, state_->buffer.data(), state_->buffer.size(), raw.data(), raw.size());
  if (ZSTD_isError(size) != 0) return Error(ErrorKind::internal, std::string("zstd: ") + ZSTD_getErrorName(size));
  if (size + raw.size() / 64 >= raw.size()) return Encoded{raw, Codec::none};
  return Encoded{ByteView(state_->buffer).first(size), Codec::zstd};
}

struct Decompressor::State {
  ZSTD_DCtx* context = nullptr;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeDCtx(context); }
};

Decompressor::Decompressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;
Decompressor::~Decompressor() = default;

Result<Decompressor> Decompressor::create() {
  auto state = std::make_unique<State>();
  state->context = ZSTD_createDCtx();
  if (state->context == nullptr) return Error(ErrorKind::exhausted, "no memory for a decompression context");
  return Decompressor(std::move(state));
}

Result<void> Decompressor::decode(uint8_t codec, ByteView payload, MutableBytes out) {
  auto wrong_size = [&](size_t size) {
    return Error(ErrorKind::corrupt,
                 "a frame decodes to " + std::to_string(size) + " bytes instead of " + std::to_string(out.size()));
  };
  if (codec == static_cast<uint8_t>(Codec::none)) {
    if (payload.size() != out.size()) return wrong_size(payload.size());
    if (!payload.empty()) std::memcpy(out.data(), payload.data(), payload.size());
    return ok();
  }
  if (codec != static_cast<uint8_t>(Codec::zstd)) {
    return Error(ErrorKind::unsupported, "unknown codec " + std::to_string(codec))
        .with_hint("use the version of the program that wrote the repository, or a newer one");
  }
  // One pass straight into `out`: no window is allocated, and nothing is written past its end.
  auto size = ZSTD_decompressDCtx(state_->context, out.data(), out.size(), payload.data(), payload.size());
  if (ZSTD_isError(size) != 0) {
    return Error(ErrorKind::corrupt, std::string("a frame does not decompress: ") + ZSTD_getErrorName(size));
  }
  if (size != out.size()) return wrong_size(size);
  return ok();
}

}  // namespace spendsync::repository
