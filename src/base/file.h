// Files by descriptor. Every call retries EINTR and short transfers; every error names the path.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace spendsync {

/// Owns a descriptor. Move-only; the destructor closes and ignores errors: call close() where they matter.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  Result<void> close();

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC added. Errors as Error::from_errno, with the path.
Result<Fd> open_file(const std::string& path, int flags, mode_t mode = 0600);
Result<Fd> open_at(const Fd& directory, const std::string& relative, int flags, mode_t mode = 0600);
/// openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS: nothing outside `directory` can be
/// reached. Errors: refused when the path leads through a link, or by ".." or "/" out of `directory`; else as
/// open_file.
Result<Fd> open_beneath(const Fd& directory, const std::string& relative, int flags, mode_t mode = 0600);

/// Reads until `out` is full or the file ends; returns the bytes read.
Result<size_t> read_at(const Fd& fd, uint64_t offset, MutableBytes out, std::string_view name);
Result<void> write_at(const Fd& fd, uint64_t offset, ByteView bytes, std::string_view name);
Result<void> write_all(const Fd& fd, ByteView bytes, std::string_view name);
Result<void> sync_file(const Fd& fd, std::string_view name);
Result<void> sync_directory(const std::string& path);

/// Whole small files. Errors: exhausted when larger than `max_size`.
Result<Bytes> read_file(const std::string& path, size_t max_size = 64u << 20);
Result<std::string> read_text_file(const std::string& path, size_t max_size = 1u << 20);
/// Writes a temporary file beside `path`, syncs it, renames it over, syncs the directory.
Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode);
/// mkdir -p with the given mode for what is made; an existing directory is left as it is.
Result<void> make_directories(const std::string& path, mode_t mode);
/// rm -rf, never following a link. Missing is success.
Result<void> remove_tree(const std::string& path);
bool exists(const std::string& path);  // lstat succeeds
Result<uint64_t> free_bytes(const std::string& path);

/// Names in a directory, sorted, without "." and "..".
Result<std::vector<std::string>> list_directory(const std::string& path);

/// A directory of its own (mkdtemp), removed with all that is in it when this goes.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> create(const std::string& parent, std::string_view prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// `path` by the working directory. Errors: those of getcwd(3).
Result<std::string> absolute_path(const std::string& path);

}  // namespace spendsync
