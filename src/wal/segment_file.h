// A WAL file in memory, read by a process that lives for this one file.
#pragma once

#include <string>

#include "base/bytes.h"

namespace spendsync::wal {

/// Owns the bytes. Move-only. They lie in huge pages where the system gives them: thousands of page faults would cost a
/// `wal push` more than reading the file.
class SegmentFile {
 public:
  /// Reads the whole file. Errors: not_found; corrupt when it has more than `size_max` bytes; as read_at.
  static Result<SegmentFile> read(const std::string& path, size_t size_max);
  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&&) = delete;
  ~SegmentFile();

  ByteView content() const { return content_; }

 private:
  SegmentFile(void* mapping, size_t mapped) : mapping_(mapping), mapped_(mapped) {}
  void* mapping_;
  size_t mapped_;  // bytes
  ByteView content_;
};

}  // namespace spendsync::wal
