#include "restore/output_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <new>

namespace spendsync::restore {

namespace {

constexpr size_t kAlignment = 4096;  // the greatest logical block size of disks in use
constexpr uint64_t kWorthwhile = 1u << 20;

bool aligned(uint64_t offset, ByteView bytes) {
  return offset % kAlignment == 0 && reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0;
}

}  // namespace

void AlignedBuffer::Free::operator()(std::byte* bytes) const { std::free(bytes); }

MutableBytes AlignedBuffer::first(size_t size) {
  if (size > capacity_) {
    size_t rounded = (size + kAlignment - 1) / kAlignment * kAlignment;
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
    if (!bytes_) throw std::bad_alloc();
    capacity_ = rounded;
  }
  return {bytes_.get(), size};
}

OutputFile::OutputFile(Fd file, uint64_t size) : file_(std::move(file)) {
  if (size < kWorthwhile) return;
  auto again = open_file(fmt::format("/proc/self/fd/{}", file_.get()), O_WRONLY | O_DIRECT);
  if (!again) return;
  // Writes that extend a file are done one after another; into allocated space they run side by side.
  if (::fallocate(file_.get(), 0, 0, static_cast<off_t>(size)) == 0) direct_ = std::move(*again);
}

Result<void> OutputFile::write(uint64_t offset, ByteView bytes, std::string_view name) {
  if (direct_ && aligned(offset, bytes)) {
    size_t blocks = bytes.size() / kAlignment * kAlignment;
    TRY(write_at(direct_, offset, bytes.first(blocks), name));
    offset += blocks;
    bytes = bytes.subspan(blocks);
  }
  if (bytes.empty()) return {};
  TRY(write_at(file_, offset, bytes, name));
  if (bytes.size() >= kWorthwhile) {
    // Only a hint: errors of the disk are found by the sync at the end.
    static_cast<void>(sync_file_range(file_.get(), static_cast<off64_t>(offset), static_cast<off64_t>(bytes.size()),
                                      SYNC_FILE_RANGE_WRITE));
  }
  return {};
}

Result<void> OutputFile::close() {
  if (direct_) TRY(direct_.close());
  return file_.close();
}

}  // namespace spendsync::restore
