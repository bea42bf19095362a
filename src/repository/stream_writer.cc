#include "repository/stream_writer.h"

#include <algorithm>

namespace spendsync::repository {

Result<std::unique_ptr<StreamWriter>> StreamWriter::create(PackSink& sink, Compressor::Settings compression) {
  auto frames = TRY(FrameWriter::create(sink, crypto::KeyClass::meta, compression));
  return std::unique_ptr<StreamWriter>(new StreamWriter(std::move(frames)));
}

Result<void> StreamWriter::append(ByteView bytes) {
  table_.length += bytes.size();
  while (!bytes.empty()) {
    auto taken = std::min<size_t>(bytes.size(), kStreamFrameSize - pending_.size());
    pending_.insert(pending_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    bytes = bytes.subspan(taken);
    if (pending_.size() == kStreamFrameSize) TRY(flush());
  }
  return ok();
}

Result<void> StreamWriter::flush() {
  auto frame = TRY(frames_->append(pending_));
  table_.frames.add(frame);
  pending_.clear();
  return ok();
}

Result<StreamTable> StreamWriter::finish() {
  if (!pending_.empty()) TRY(flush());
  TRY(frames_->finish());
  return std::move(table_);
}

}  // namespace spendsync::repository
