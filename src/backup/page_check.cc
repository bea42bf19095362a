#include "backup/page_check.h"

#include <algorithm>

#include "postgres/page.h"

namespace spendsync::backup {

Result<void> PageCheck::check(const Source& source, uint64_t offset, MutableBytes pages,
                              std::vector<uint32_t>& bad_blocks, std::stop_token stop) {
  if (!settings_.enabled) return {};
  const size_t size = settings_.page_size;
  const auto first = static_cast<uint32_t>(offset / size);
  suspects_.clear();
  for (size_t page = 0; page < pages.size() / size; ++page) {
    auto block = first + static_cast<uint32_t>(page);
    if (!is_good(source, block, pages.subspan(page * size, size))) suspects_.push_back(block);
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
  Bytes again(page.size());
  auto got = TRY(read_at(source.fd, uint64_t{block_in_file} * page.size(), again, source.name));
  // Truncated meanwhile: replay does the same, so whatever stands there is of no consequence.
  if (got < again.size()) return true;
  std::ranges::copy(again, page.begin());
  return is_good(source, block_in_file, page);
}

bool PageCheck::is_good(const Source& source, uint32_t block_in_file, ByteView page) const {
  return postgres::page_is_good(page, BlockNumber{source.first_block + block_in_file}, settings_.backup_start);
}

}  // namespace spendsync::backup
