#include "wal/segment_file.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/file.h"

namespace spendsync::wal {

namespace {
constexpr size_t kHugePage = 2u << 20;
}

Result<SegmentFile> SegmentFile::read(const std::string& path, size_t size_max) {
  Fd file = TRY(open_file(path, O_RDONLY));
  size_t mapped = size_max + 2 * kHugePage;  // room for the alignment, and for the byte that shows a longer file
  void* mapping = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return Error::from_errno(errno, "no memory for " + path);
  SegmentFile segment(mapping, mapped);
  static_cast<void>(::madvise(mapping, mapped, MADV_HUGEPAGE));  // where there are none, small ones do
  void* begin = mapping;
  size_t room = mapped;
  std::align(kHugePage, size_max + 1, begin, room);
  MutableBytes buffer(static_cast<std::byte*>(begin), size_max + 1);
  size_t size = TRY(read_at(file, 0, buffer, path));
  if (size > size_max) return Error(ErrorKind::corrupt, fmt::format("{} is larger than {} bytes", path, size_max));
  segment.content_ = buffer.first(size);
  return segment;
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)), mapped_(other.mapped_), content_(other.content_) {}

SegmentFile::~SegmentFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapped_);
}

}  // namespace spendsync::wal
