#include "backup/range_copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backup/page_cache.h"
#include "base/crc32c.h"

namespace spendsync::backup {

RangeCopier::RangeCopier(Settings settings, Collaborators collaborators)
    : settings_(std::move(settings)),
      collaborators_(collaborators),
      page_check_(settings_.pages, collaborators.clock),
      buffer_(settings_.frame_size) {
  CHECK(settings_.frame_size > 0 && settings_.frame_size % settings_.pages.page_size == 0);
}

Result<RangeCopier::Copied> RangeCopier::copy(const Range& range, std::stop_token stop) {
  Copied copied;
  if (range.size == 0) return copied;
  // Readahead reaches into the next range, which then takes a few of its pages for the server's.
  const auto cache = PageCacheTrace::look(range.source.fd, range.offset, range.size);
  auto done = copy_pieces(range, copied, stop);
  cache.give_back(range.source.fd, range.size);
  if (!done) return std::move(done).error();
  return copied;
}

Result<void> RangeCopier::copy_pieces(const Range& range, Copied& copied, std::stop_token stop) {
  std::optional<ChangedBlocks> changed;
  if (range.base != nullptr) changed.emplace(*range.base, collaborators_.writer, settings_.frame_size);
  while (copied.size < range.size) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while copying files");
    Stretch stretch = next_stretch(range, copied.size);
    if (stretch.unread) {
      changed->keep(range.offset + copied.size, stretch.size);
      copied.size += stretch.size;
      copied.unread += stretch.size;
      collaborators_.progress.add_bytes(stretch.size);
      continue;
    }
    Piece piece = TRY(read_piece(range, copied.size, stretch.size));
    if (piece.size == 0) break;
    TRY(look_at(range, piece, copied, stop));
    ByteView bytes(buffer_.data(), piece.size);
    if (changed) {
      TRY(changed->add(bytes, range.offset + copied.size));
      copied.crc32c = crc32c(copied.crc32c, bytes);
      copied.size += bytes.size();
    } else {
      TRY(append(bytes, copied));
    }
    collaborators_.progress.add_bytes(piece.size);
    if (piece.ends) break;
  }
  if (changed) copied.content = TRY(changed->finish());
  return {};
}

/// Of one kind: to be read, a frame at most; or not.
RangeCopier::Stretch RangeCopier::next_stretch(const Range& range, uint64_t done) const {
  uint64_t rest = range.size - done;
  if (!range.changed_blocks) return {std::min<uint64_t>(rest, settings_.frame_size)};
  const uint64_t block_size = range.base->entry.block_hashes->block_size;
  uint64_t offset = range.offset + done;
  auto known_end = range.base->entry.size;  // what has grown since is read
  if (offset >= known_end) return {std::min<uint64_t>(rest, settings_.frame_size)};
  auto block = offset / block_size;
  auto next = std::ranges::lower_bound(*range.changed_blocks, block);
  if (next == range.changed_blocks->end() || *next != block) {
    auto end = next == range.changed_blocks->end() ? known_end : std::min(known_end, *next * block_size);
    return {std::min(rest, end - offset), true};
  }
  uint64_t blocks = 0;
  while (next != range.changed_blocks->end() && *next == block + blocks && blocks * block_size < settings_.frame_size) {
    ++next;
    ++blocks;
  }
  return {std::min(rest, blocks * block_size)};
}

Result<void> RangeCopier::look_at(const Range& range, const Piece& piece, Copied& copied, std::stop_token stop) {
  MutableBytes bytes(buffer_.data(), piece.size);
  if (range.check_pages) {
    TRY(page_check_.check(range.source, range.offset + copied.size, bytes.first(piece.read), copied.bad_blocks, stop));
  }
  if (!range.block_hashes.empty()) {
    hash_blocks(bytes, range.block_size, range.block_hashes.subspan(copied.size / range.block_size));
  }
  return {};
}

Result<RangeCopier::Piece> RangeCopier::read_piece(const Range& range, uint64_t done, uint64_t size) {
  auto offset = range.offset + done;
  auto wanted = static_cast<size_t>(size);
  if (settings_.before_read) settings_.before_read(range.source.name, offset);
  MutableBytes bytes(buffer_.data(), wanted);
  auto got = read_at(range.source.fd, offset, bytes, range.source.name);
  failed_reading_ = !got;
  size_t read = TRY_CONTEXT(std::move(got), fmt::format("reading {} bytes at {}", wanted, offset));
  if (read == wanted) return Piece{wanted, wanted, false};
  if (!range.fill_with_zeros) return Piece{read, read, true};
  std::ranges::fill(bytes.subspan(read), std::byte{0});
  return Piece{wanted, read, false};
}

void RangeCopier::hash_blocks(ByteView bytes, size_t block_size, std::span<repository::Hash128> out) const {
  for (size_t block = 0, offset = 0; offset < bytes.size(); ++block, offset += block_size) {
    out[block] = collaborators_.hasher.hash(bytes.subspan(offset, std::min(block_size, bytes.size() - offset)));
  }
}

Result<void> RangeCopier::append(ByteView bytes, Copied& copied) {
  copied.crc32c = crc32c(copied.crc32c, bytes);
  auto frame = TRY(collaborators_.writer.append(bytes));
  copied.content.add(frame);
  copied.size += bytes.size();
  return {};
}

Result<RangeCopier::Copied> RangeCopier::store(ByteView content) {
  Copied copied;
  while (copied.size < content.size()) {
    auto rest = content.subspan(copied.size);
    TRY(append(rest.first(std::min<size_t>(rest.size(), settings_.frame_size)), copied));
  }
  return copied;
}

}  // namespace spendsync::backup
