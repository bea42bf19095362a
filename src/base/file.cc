#include "base/file.h"

#include <dirent.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>

namespace spendsync {

namespace {

Error failed(std::string_view what, std::string_view name) {
  int error_number = errno;
  return Error::from_errno(error_number, fmt::format("cannot {} {}", what, name));
}

template <class Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string parent_of(const std::string& path) {
  auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string random_suffix() {
  std::array<std::byte, 8> bytes;
  CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return to_hex(bytes);
}

using DirectoryStream = std::unique_ptr<DIR, decltype([](DIR* stream) { closedir(stream); })>;

Result<std::vector<std::string>> read_names(Fd directory, std::string_view name) {
  DirectoryStream stream(fdopendir(directory.get()));
  if (!stream) return failed("read directory", name);
  static_cast<void>(directory.release());  // the stream owns it now
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    std::string_view entry_name = entry->d_name;
    if (entry_name != "." && entry_name != "..") names.emplace_back(entry_name);
  }
  if (errno != 0) return failed("read directory", name);
  std::ranges::sort(names);
  return names;
}

Result<void> write_some_until_done(ByteView bytes, std::string_view name,
                                   const std::function<ssize_t(ByteView, size_t)>& write_some) {
  size_t written = 0;
  while (written < bytes.size()) {
    ssize_t count = retry_interrupted([&] { return write_some(bytes.subspan(written), written); });
    if (count < 0) return failed("write", name);
    written += static_cast<size_t>(count);
  }
  return {};
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Fd::close() {
  // Linux releases the descriptor even when close fails, EINTR included: never call it twice.
  int fd = release();
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) return failed("close", fmt::format("descriptor {}", fd));
  return {};
}

Result<Fd> open_file(const std::string& path, int flags, mode_t mode) {
  int fd = retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return failed("open", path);
  return Fd(fd);
}

Result<Fd> open_at(const Fd& directory, const std::string& relative, int flags, mode_t mode) {
  int fd = retry_interrupted([&] { return ::openat(directory.get(), relative.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return failed("open", relative);
  return Fd(fd);
}

Result<Fd> open_beneath(const Fd& directory, const std::string& relative, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  // O_TMPFILE contains O_DIRECTORY: only all of its bits together mean it.
  bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  how.mode = creates ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: a rename raced with a ".." in the path (openat2(2)).
  long fd = -1;
  do {
    fd = syscall(SYS_openat2, directory.get(), relative.c_str(), &how, sizeof how);
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  if (fd >= 0) return Fd(static_cast<int>(fd));
  if (errno == ELOOP || errno == EXDEV) {
    return Error(ErrorKind::refused, fmt::format("{} leads through a symbolic link or out of its directory", relative));
  }
  if (errno == ENOSYS) return Error(ErrorKind::unsupported, "this kernel has no openat2; Linux 5.6 or newer is needed");
  return failed("open", relative);
}

Result<size_t> read_at(const Fd& fd, uint64_t offset, MutableBytes out, std::string_view name) {
  size_t total = 0;
  while (total < out.size()) {
    ssize_t count = retry_interrupted(
        [&] { return ::pread(fd.get(), out.data() + total, out.size() - total, static_cast<off_t>(offset + total)); });
    if (count < 0) return failed("read", name);
    if (count == 0) break;
    total += static_cast<size_t>(count);
  }
  return total;
}

Result<void> write_at(const Fd& fd, uint64_t offset, ByteView bytes, std::string_view name) {
  return write_some_until_done(bytes, name, [&](ByteView rest, size_t done) {
    return ::pwrite(fd.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
  });
}

Result<void> write_all(const Fd& fd, ByteView bytes, std::string_view name) {
  return write_some_until_done(bytes, name,
                               [&](ByteView rest, size_t) { return ::write(fd.get(), rest.data(), rest.size()); });
}

Result<void> sync_file(const Fd& fd, std::string_view name) {
  if (retry_interrupted([&] { return ::fsync(fd.get()); }) != 0) return failed("sync", name);
  return {};
}

Result<void> sync_directory(const std::string& path) {
  Fd directory = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  return sync_file(directory, path);
}

Result<Bytes> read_file(const std::string& path, size_t max_size) {
  Fd file = TRY(open_file(path, O_RDONLY));
  constexpr size_t kStep = 64 << 10;
  Bytes bytes;
  // By reading to the end, not by st_size: files below /proc say 0 and others may grow meanwhile.
  while (true) {
    size_t have = bytes.size();
    bytes.resize(have + std::min(std::max(kStep, have), max_size + 1 - have));
    ssize_t count = retry_interrupted([&] { return ::read(file.get(), bytes.data() + have, bytes.size() - have); });
    if (count < 0) return failed("read", path);
    bytes.resize(have + static_cast<size_t>(count));
    if (count == 0) return bytes;
    if (bytes.size() > max_size) {
      return Error(ErrorKind::exhausted, fmt::format("{} is larger than {} bytes", path, max_size));
    }
  }
}

Result<std::string> read_text_file(const std::string& path, size_t max_size) {
  Bytes bytes = TRY(read_file(path, max_size));
  return std::string(as_text(bytes));
}

Result<void> replace_file(const std::string& path, ByteView bytes, mode_t mode) {
  std::string temporary = fmt::format("{}.{}.tmp", path, random_suffix());
  auto write_and_rename = [&]() -> Result<void> {
    Fd file = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(write_all(file, bytes, temporary));
    if (::fchmod(file.get(), mode) != 0) return failed("set the mode of", temporary);
    TRY(sync_file(file, temporary));
    TRY(file.close());
    if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("replace", path);
    return {};
  };
  auto done = write_and_rename();
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  return sync_directory(parent_of(path));
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  if (path.empty()) return Error(ErrorKind::invalid, "a directory has no name");
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string prefix = path.substr(0, slash);
    if (::mkdir(prefix.c_str(), mode) == 0) {
      // mkdir subtracts the umask; what was asked for counts.
      if (::chmod(prefix.c_str(), mode) != 0) return failed("set the mode of", prefix);
    } else {
      int error_number = errno;
      struct stat status {};
      // EROFS and EACCES too may hide an existing directory.
      bool is_directory = ::stat(prefix.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
      if (!is_directory) {
        return Error::from_errno(error_number, fmt::format("cannot create directory {}", prefix));
      }
    }
    if (slash == std::string::npos) return {};
  }
}

namespace {

Result<void> remove_entries(const Fd& directory, const std::string& path);

// Every step is relative to an open directory and refuses links, so that a link swapped in meanwhile is removed, not
// followed.
Result<void> remove_entry(const Fd& parent, const std::string& name, const std::string& path) {
  if (::unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return failed("remove", path);
  auto directory = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!directory) return std::move(directory).error().with_context("removing " + path);
  TRY(remove_entries(*directory, path));
  if (::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) return failed("remove", path);
  return {};
}

Result<void> remove_entries(const Fd& directory, const std::string& path) {
  Fd listing = TRY(open_at(directory, ".", O_RDONLY | O_DIRECTORY));
  auto names = TRY(read_names(std::move(listing), path));
  for (const auto& name : names) TRY(remove_entry(directory, name, path + "/" + name));
  return {};
}

}  // namespace

Result<void> remove_tree(const std::string& path) {
  std::string clean = without_trailing_slashes(path);
  std::string name = clean.substr(clean.find_last_of('/') + 1);
  if (name.empty() || name == "." || name == "..") {
    return Error(ErrorKind::refused, fmt::format("will not remove \"{}\"", path));
  }
  auto parent = open_file(parent_of(clean), O_RDONLY | O_DIRECTORY);
  if (!parent && parent.error().is(ErrorKind::not_found)) return {};
  if (!parent) return std::move(parent).error();
  return remove_entry(*parent, name, clean);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<uint64_t> free_bytes(const std::string& path) {
  struct statvfs status {};
  if (retry_interrupted([&] { return ::statvfs(path.c_str(), &status); }) != 0) {
    return failed("read the free space of", path);
  }
  return uint64_t{status.f_bavail} * status.f_frsize;
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  Fd directory = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  return read_names(std::move(directory), path);
}

Result<TemporaryDirectory> TemporaryDirectory::create(const std::string& parent, std::string_view prefix) {
  std::string path = fmt::format("{}/{}XXXXXX", parent, prefix);
  if (::mkdtemp(path.data()) == nullptr) return failed("create a temporary directory in", parent);
  return TemporaryDirectory(std::move(path));
}

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

Result<std::string> absolute_path(const std::string& path) {
  if (!path.empty() && path.front() == '/') return path;
  char directory[4096];
  if (::getcwd(directory, sizeof directory) == nullptr) return Error::from_errno(errno, "the working directory");
  return std::string(directory) + "/" + path;
}

}  // namespace spendsync
