#include "backup/changed_blocks.h"

#include <algorithm>

namespace spendsync::backup {

using repository::FrameRuns;

ChangedBlocks::ChangedBlocks(const BaseContent& base, repository::FrameWriter& writer, size_t frame_size)
    : base_(base), writer_(writer), frame_size_(frame_size) {
  CHECK(base.entry.block_hashes && frame_size % base.entry.block_hashes->block_size == 0);
}

Result<void> ChangedBlocks::add(ByteView bytes, uint64_t offset) {
  const size_t block_size = base_.entry.block_hashes->block_size;
  for (size_t done = 0; done < bytes.size(); done += block_size) {
    auto block = bytes.subspan(done, std::min(block_size, bytes.size() - done));
    if (is_unchanged(block, offset + done)) {
      keep(offset + done, block.size());
    } else {
      TRY(store(block));
    }
  }
  return {};
}

/// A block that is shorter or longer than the full's is another one, whatever it begins with.
bool ChangedBlocks::is_unchanged(ByteView block, uint64_t offset) const {
  const uint64_t block_size = base_.entry.block_hashes->block_size;
  auto index = offset / block_size;
  if (offset >= base_.entry.size || index >= base_.hashes.size()) return false;
  if (block.size() != std::min(block_size, base_.entry.size - offset)) return false;
  return base_.hasher.hash(block) == base_.hashes[index];
}

void ChangedBlocks::keep(uint64_t offset, uint64_t size) {
  if (!stretches_.empty() && !stretches_.back().changed && stretches_.back().begin + stretches_.back().size == offset) {
    stretches_.back().size += size;
    return;
  }
  stretches_.push_back({false, offset, size, 0});
}

Result<void> ChangedBlocks::store(ByteView block) {
  if (pending_.size() + block.size() > frame_size_) TRY(flush());
  auto frame = frames_.size();
  bool continues = !stretches_.empty() && stretches_.back().changed && stretches_.back().frame == frame &&
                   stretches_.back().begin + stretches_.back().size == pending_.size();
  if (continues) {
    stretches_.back().size += block.size();
  } else {
    stretches_.push_back({true, pending_.size(), block.size(), frame});
  }
  pending_.insert(pending_.end(), block.begin(), block.end());
  stored_bytes_ += block.size();
  return {};
}

Result<void> ChangedBlocks::flush() {
  if (pending_.empty()) return {};
  auto frame = TRY(writer_.append(pending_));
  frames_.push_back(frame);
  pending_.clear();
  return {};
}

Result<FrameRuns> ChangedBlocks::finish() {
  TRY(flush());
  FrameRuns content;
  for (const auto& stretch : stretches_) {
    if (stretch.changed) {
      content.add_part(frames_[stretch.frame], stretch.begin, stretch.size);
    } else {
      keep_from_base(base_.entry.content, stretch.begin, stretch.begin + stretch.size, content);
    }
  }
  return content;
}

}  // namespace spendsync::backup
