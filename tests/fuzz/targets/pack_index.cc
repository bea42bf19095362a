#include "repository/pack_index.h"

#include "fuzz/targets.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  if (repository::decode_pack_trailer(input)) return true;
  const auto index = repository::decode_pack_index(input);
  if (!index) return false;
  const auto again = repository::decode_pack_index(repository::encode_pack_index(*index));
  require(again && again->frames.size() == index->frames.size() && again->name == index->name,
          "what was read is written and read again the same");
  return true;
}

Bytes sample(uint32_t frames) {
  repository::PackIndex index;
  index.name = {{0x1122334455667788}, 4};
  index.stream_bytes = 96 + 100ull * frames;
  for (uint32_t i = 0; i < frames; ++i) index.frames.push_back({100 + i, 8192, static_cast<uint8_t>(i % 2), {}});
  return repository::encode_pack_index(index);
}

}  // namespace

Target pack_index_target() {
  Bytes trailer;
  repository::encode_pack_trailer(4711, trailer);
  auto cut = sample(5);
  cut.pop_back();
  return {"pack_index", reads, {sample(0), sample(5), sample(500), trailer}, {Bytes{}, cut}, {}};
}

}  // namespace spendsync::fuzz
