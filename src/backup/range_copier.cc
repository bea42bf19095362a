#include "backup/range_copier.h"

#include <fmt/format.h>

#include <algorithm>

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
  while (copied.size < range.size) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while copying files");
    auto offset = range.offset + copied.size;
    Piece piece = TRY(read_piece(range, copied.size));
    if (piece.size == 0) break;
    MutableBytes bytes(buffer_.data(), piece.size);
    if (range.check_pages) {
      TRY(page_check_.check(range.source, offset, bytes.first(piece.read), copied.bad_blocks, stop));
    }
    if (!range.page_hashes.empty()) {
      hash_pages(bytes, range.page_hashes.subspan(copied.size / settings_.pages.page_size));
    }
    TRY(append(bytes, copied));
    collaborators_.progress.add_bytes(piece.size);
    if (piece.ends) break;
  }
  return {};
}

Result<RangeCopier::Piece> RangeCopier::read_piece(const Range& range, uint64_t done) {
  auto offset = range.offset + done;
  auto wanted = static_cast<size_t>(std::min<uint64_t>(range.size - done, settings_.frame_size));
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

void RangeCopier::hash_pages(ByteView bytes, std::span<repository::Hash128> out) const {
  const size_t page_size = settings_.pages.page_size;
  for (size_t page = 0, offset = 0; offset < bytes.size(); ++page, offset += page_size) {
    out[page] = collaborators_.hasher.hash(bytes.subspan(offset, std::min(page_size, bytes.size() - offset)));
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
