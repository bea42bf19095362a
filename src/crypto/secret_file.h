// Files that hold secrets: who may own them and what mode they may have.
#pragma once

#include <string>

#include "base/file.h"

namespace spendsync::crypto {

/// Bytes that are wiped when they go. Move-only.
class WipedBytes {
 public:
  WipedBytes() = default;
  explicit WipedBytes(Bytes bytes) : bytes_(std::move(bytes)) {}
  WipedBytes(WipedBytes&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  WipedBytes& operator=(WipedBytes&& other) noexcept;
  ~WipedBytes();
  ByteView view() const { return bytes_; }
  MutableBytes mutable_view() { return bytes_; }
  size_t size() const { return bytes_.size(); }
  /// Drops what follows the first `size` bytes.
  void truncate(size_t size);

 private:
  Bytes bytes_;
};

/// How messages speak of the file.
struct SecretFileWords {
  std::string what;          // "key file"
  std::string missing_hint;  // the next step when it does not exist
  std::string make_hint;     // the next step when something else lies there
};

/// Opens it without following a link. Errors: not_found; refused unless it is a regular file of mode 0600 or 0400
/// owned by the caller or root (each with the command that mends it).
Result<Fd> open_secret_file(const std::string& path, const SecretFileWords& words);

/// The whole file. Errors: as open_secret_file; refused when it is larger than `max_size` bytes.
Result<WipedBytes> read_secret_file(const std::string& path, const SecretFileWords& words, size_t max_size);

/// For hints that are pasted into a shell.
std::string quoted_path(const std::string& path);

}  // namespace spendsync::crypto
