#include "fuzz/targets.h"
#include "repository/frame.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  ByteReader reader(input);
  const auto runs = repository::decode_frame_runs(reader);
  if (!runs) return false;
  Bytes again;
  repository::encode_frame_runs(*runs, again);
  ByteReader second(again);
  const auto decoded = repository::decode_frame_runs(second);
  require(decoded && *decoded == *runs, "what was read is written and read again the same");
  return true;
}

Bytes sample(uint32_t frames) {
  repository::FrameRuns runs;
  uint64_t offset = 96;
  for (uint32_t i = 0; i < frames; ++i) {
    const uint32_t stored = 500 + i % 7;
    runs.add({repository::FrameSource::own, i / 100, i % 100, offset, stored, i % 9 == 8 ? 100u : 8192u});
    offset = i % 100 == 99 ? 96 : offset + stored + 28;
  }
  Bytes bytes;
  repository::encode_frame_runs(runs, bytes);
  return bytes;
}

}  // namespace

Target frame_runs_target() {
  auto cut = sample(300);
  cut.pop_back();
  return {"frame_runs", reads, {sample(0), sample(1), sample(300)}, {Bytes{}, cut}, {}};
}

}  // namespace spendsync::fuzz
