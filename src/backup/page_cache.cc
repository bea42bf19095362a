#include "backup/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace spendsync::backup {

PageCacheTrace PageCacheTrace::look(const Fd& fd, uint64_t offset, uint64_t size) {
  PageCacheTrace trace;
  trace.page_size_ = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  trace.offset_ = offset - offset % trace.page_size_;
  const auto length = static_cast<size_t>(offset + size - trace.offset_);
  void* mapped = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd.get(), static_cast<off_t>(trace.offset_));
  if (mapped == MAP_FAILED) return trace;
  std::vector<unsigned char> resident((length + trace.page_size_ - 1) / trace.page_size_);
  const bool known = mincore(mapped, length, resident.data()) == 0;
  munmap(mapped, length);
  if (!known) return trace;
  trace.present_.reserve(resident.size());
  for (auto page : resident) trace.present_.push_back((page & 1) != 0);
  return trace;
}

void PageCacheTrace::give_back(const Fd& fd, uint64_t done) const {
  const auto pages = std::min<uint64_t>((done + page_size_ - 1) / page_size_, present_.size());
  uint64_t begin = 0;
  while (begin < pages) {
    if (present_[begin]) {
      ++begin;
      continue;
    }
    uint64_t end = begin + 1;
    while (end < pages && !present_[end]) ++end;
    posix_fadvise(fd.get(), static_cast<off_t>(offset_ + begin * page_size_),
                  static_cast<off_t>((end - begin) * page_size_), POSIX_FADV_DONTNEED);
    begin = end;
  }
}

uint64_t PageCacheTrace::absent_pages() const {
  return static_cast<uint64_t>(std::count(present_.begin(), present_.end(), false));
}

}  // namespace spendsync::backup
