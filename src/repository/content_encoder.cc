#include "repository/content_encoder.h"

#include <algorithm>

namespace spendsync::repository {

ContentEncoder::ContentEncoder(Settings settings, ByteView content) : settings_(settings), workers_(std::stop_token()) {
  do {
    Frame frame;
    frame.raw = content.first(std::min(settings_.frame_size, content.size()));
    content = content.subspan(frame.raw.size());
    frames_.push_back(std::move(frame));
  } while (!content.empty());
  // A thread costs more than a small frame.
  size_t helpers = std::min<size_t>(std::max(1u, settings_.threads), frames_.size()) - 1;
  for (size_t i = 0; i < helpers; ++i) {
    workers_.spawn("encode", [this](std::stop_token stop) { return encode_some(stop); });
  }
}

Result<std::vector<ContentEncoder::Frame>> ContentEncoder::finish() {
  auto own = encode_some({});
  if (!own) workers_.request_stop();
  auto others = workers_.join();
  TRY(std::move(own));
  TRY(std::move(others));
  return std::move(frames_);
}

Result<void> ContentEncoder::encode_some(std::stop_token stop) {
  auto compressor = TRY(Compressor::create(settings_.compression));
  while (!stop.stop_requested()) {
    size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= frames_.size()) break;
    Frame& frame = frames_[index];
    auto encoded = TRY(compressor.encode(frame.raw));
    frame.codec = encoded.codec;
    if (encoded.codec != Codec::none) frame.compressed.assign(encoded.payload.begin(), encoded.payload.end());
  }
  return ok();
}

}  // namespace spendsync::repository
