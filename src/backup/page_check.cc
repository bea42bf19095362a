#include "backup/page_check.h"

#include <algorithm>
#include <cstring>

#include "postgres/page.h"

namespace spendsync::backup {

namespace {

bool is_zero(ByteView bytes) {
  return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

bool is_whole(ByteView page, BlockNumber block) {
  if (postgres::page_is_new(page)) return is_zero(page);
  return postgres::page_checksum(page, block) == postgres::stored_page_checksum(page);
}

}  // namespace

Result<void> PageCheck::check(const Source& source, uint64_t offset, MutableBytes pages,
                              std::vector<uint32_t>& bad_blocks, std::stop_token stop) {
  if (!settings_.enabled) return {};
  const size_t size = settings_.page_size;
  const auto first = static_cast<uint32_t>(offset / size);
  suspects_.clear();
  for (size_t page = 0; page < pages.size() / size; ++page) {
    auto block = first + static_cast<uint32_t>(page);
    if (!is_whole(pages.subspan(page * size, size), BlockNumber{source.first_block + block}))
      suspects_.push_back(block);
  }
  if (suspects_.empty()) return {};
  if (waits_ < settings_.waits_max) {
    ++waits_;
    TRY(clock_.sleep_for(settings_.second_look_after, stop));
  }
  for (auto block : suspects_) {
    bool good = TRY(second_look(source, block, pages.subspan((block - first) * size, size)));
    if (!good) bad_blocks.push_back(block);
  }
  return {};
}

Result<bool> PageCheck::second_look(const Source& source, uint32_t block_in_file, MutableBytes page) {
  again_.resize(page.size());
  auto got = TRY(read_at(source.fd, uint64_t{block_in_file} * page.size(), again_, source.name));
  // Truncated meanwhile: replay does the same, so whatever stands there is of no consequence.
  if (got < again_.size()) return true;
  std::ranges::copy(again_, page.begin());
  if (is_whole(page, BlockNumber{source.first_block + block_in_file})) return true;
  return replay_rewrites(page);
}

Result<bool> PageCheck::replay_rewrites(ByteView page) {
  auto lsn = postgres::page_lsn(page);
  if (lsn < settings_.backup_start) return false;
  if (lsn <= newest_ || !settings_.newest_lsn) return true;
  newest_ = TRY(settings_.newest_lsn());
  return lsn <= newest_;
}

}  // namespace spendsync::backup
