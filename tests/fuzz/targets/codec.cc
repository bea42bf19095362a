#include "repository/codec.h"

#include "base/testing.h"
#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

constexpr size_t kHeader = 5;  // codec, and how many bytes must come out

bool reads(ByteView input) {
  ByteReader reader(input);
  const auto codec = reader.u8();
  const auto size = reader.u32();
  if (!codec || !size || *size > (1u << 20)) return false;
  static auto decompressor = MUST(repository::Decompressor::create());
  Bytes out(*size);
  return decompressor.decode(*codec, input.subspan(kHeader), out).has_value();
}

Bytes sample(size_t size, uint8_t codec) {
  std::string raw;
  while (raw.size() < size) raw += "line " + std::to_string(raw.size() % 997) + "\n";
  raw.resize(size);
  auto compressor = MUST(repository::Compressor::create({}));
  const auto encoded = MUST(compressor.encode(as_bytes(raw)));
  Bytes out;
  ByteWriter writer(out);
  writer.u8(codec);
  writer.u32(static_cast<uint32_t>(size));
  writer.raw(codec == 0 ? as_bytes(raw) : encoded.payload);
  return out;
}

}  // namespace

Target codec_target() {
  auto too_long = sample(3000, 1);
  too_long[1] = std::byte{0};
  return {"codec", reads, {sample(3000, 1), sample(100'000, 1), sample(64, 0)}, {Bytes{}, too_long}, {}};
}

}  // namespace spendsync::fuzz
