// A file being restored: large aligned pieces go to the disk directly, the rest through the page cache.
#pragma once

#include <memory>

#include "base/file.h"

namespace spendsync::restore {

/// Memory whose address suits direct I/O. One thread uses it.
class AlignedBuffer {
 public:
  /// At least `size` bytes; the content is lost where it has to grow.
  MutableBytes first(size_t size);

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  size_t capacity_ = 0;
};

/// Writes beside the page cache (O_DIRECT, open(2)) where the file is large and the file system allows it: a restore
/// writes more than memory holds, and copying through the cache costs more processor time than decompression. Where
/// it does not, ordinary writes are started early (sync_file_range), so that the sync at the end finds little to do.
/// Several threads may write different ranges at once.
class OutputFile {
 public:
  /// Takes a new, empty file of which `size` bytes will be written.
  OutputFile(Fd file, uint64_t size);

  /// Writes at `offset`. Direct as far as offset, address and length are multiples of the block size.
  /// Errors: those of pwrite(2), with `name`. Durable only after the file system's sync.
  Result<void> write(uint64_t offset, ByteView bytes, std::string_view name);
  const Fd& fd() const { return file_; }
  bool direct() const { return static_cast<bool>(direct_); }
  Result<void> close();

 private:
  Fd file_;
  Fd direct_;  // another description of the same file, so that `file_` stays an ordinary one
};

}  // namespace spendsync::restore
