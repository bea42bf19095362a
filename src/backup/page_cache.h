// Reading production's files without throwing production's cache out.
#pragma once

#include <cstdint>
#include <vector>

#include "base/file.h"

namespace spendsync::backup {

/// Which pages of a stretch of a file lay in the page cache before it was read. Those that did stay; those that only
/// the reading brought in are given back, so that a backup of a database larger than memory leaves the cache as it
/// found it. (POSIX_FADV_NOREUSE does nothing before Linux 6.3; DONTNEED for all would evict what the server uses.)
/// Value type; one bit a page of memory: 1 KiB for a range of 32 MiB.
class PageCacheTrace {
 public:
  /// Asks the system (mincore(2), truthful to the file's owner). Where it does not tell, all counts as present, and
  /// nothing will be given back. `size` above 0.
  static PageCacheTrace look(const Fd& fd, uint64_t offset, uint64_t size);

  /// Gives back what was not there among the first `done` bytes of the stretch; pages that were written to meanwhile
  /// stay by themselves. Never fails.
  void give_back(const Fd& fd, uint64_t done) const;

  /// Of the stretch; for tests.
  uint64_t absent_pages() const;

 private:
  uint64_t offset_ = 0;  // rounded down to a page of memory
  uint64_t page_size_ = 4096;
  std::vector<bool> present_;  // empty: unknown
};

}  // namespace spendsync::backup
