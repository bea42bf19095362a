#include "storage/directory/unnamed_file.h"

#include <unistd.h>

#include <cerrno>

namespace spendsync::storage {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr uint64_t kWritebackStep = 8u << 20;
constexpr int kPublishAttemptsMax = 1000;  // each is lost only to a concurrent removal in the same directory

Error explain_write_failure(Error error, const std::string& root) {
  if (!error.is(ErrorKind::exhausted)) return error;
  return std::move(error).with_hint("free space or raise the quota on the file system of " + root + " (df -h " + root +
                                    "); nothing was stored");
}

Error explain_create_failure(Error error, const std::string& root) {
  // EISDIR and ENOENT are what kernels and file systems without O_TMPFILE answer, too (open(2)).
  if (error.os_error() == EOPNOTSUPP || error.os_error() == EISDIR || error.os_error() == ENOENT) {
    return Error(ErrorKind::unsupported, "the file system of " + root + " has no unnamed files (O_TMPFILE)")
        .with_hint("put the repository on ext4, XFS, Btrfs or ZFS");
  }
  return explain_write_failure(std::move(error).with_context("making a file in " + root), root);
}

/// 0 or errno.
int link_unnamed(const Fd& file, const Fd& directory, const std::string& name) {
  auto source = "/proc/self/fd/" + std::to_string(file.get());
  return linkat(AT_FDCWD, source.c_str(), directory.get(), name.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

Error name_taken(const Fd& directory, const std::string& name, const std::string& path) {
  struct stat attributes {};
  if (fstatat(directory.get(), name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(attributes.st_mode)) {
    return Error(ErrorKind::conflict, path + " is a directory, link or special file, no object");
  }
  return Error(ErrorKind::already_exists, "object " + path + " exists already");
}

}  // namespace

Result<std::unique_ptr<UnnamedFile>> UnnamedFile::create(DirectoryTree& tree, const ObjectKey& key) {
  auto file = open_beneath(tree.root(), ".", O_TMPFILE | O_WRONLY, kFileMode);
  if (!file) return explain_create_failure(std::move(file).error(), tree.path());
  return std::unique_ptr<UnnamedFile>(new UnnamedFile(tree, key, std::move(*file)));
}

Result<void> UnnamedFile::append(ByteView bytes) {
  if (!usable_) return Error(ErrorKind::internal, "bytes were added to the failed or finished upload of " + path());
  usable_ = false;
  auto written = write_all(file_, bytes, path());
  if (!written) return explain_write_failure(std::move(written).error(), tree_.path());
  usable_ = true;
  size_bytes_ += bytes.size();
  if (size_bytes_ - writeback_started_bytes_ >= kWritebackStep) {
    // Only a start: whatever goes wrong here is reported by the fsync in finish().
    static_cast<void>(sync_file_range(file_.get(), static_cast<off_t>(writeback_started_bytes_),
                                      static_cast<off_t>(size_bytes_ - writeback_started_bytes_),
                                      SYNC_FILE_RANGE_WRITE));
    writeback_started_bytes_ = size_bytes_;
  }
  return ok();
}

Result<void> UnnamedFile::finish() {
  if (!usable_) return Error(ErrorKind::internal, "the failed or finished upload of " + path() + " cannot be finished");
  usable_ = false;
  auto published = publish();
  if (!published) return explain_write_failure(std::move(published).error(), tree_.path());
  return file_.close();
}

Result<void> UnnamedFile::publish() {
  TRY(sync_file(file_, path()));  // the bytes before the name: a name never shows a part
  auto slash = key_.text().find_last_of('/');
  auto parent = slash == std::string::npos ? std::string() : key_.text().substr(0, slash);
  auto name = slash == std::string::npos ? key_.text() : key_.text().substr(slash + 1);
  for (int attempt = 0; attempt < kPublishAttemptsMax; ++attempt) {
    auto directory = tree_.make_directory(parent);
    if (!directory && directory.error().is(ErrorKind::not_found)) continue;  // pruned between two of our steps
    if (!directory) return std::move(directory).error();
    int error_number = link_unnamed(file_, *directory, name);
    if (error_number == ENOENT) continue;  // pruned after it was opened
    if (error_number != 0 && error_number != EEXIST) return Error::from_errno(error_number, "cannot name " + path());
    // Also when somebody else was first: their name must be durable before anyone relies on it.
    TRY(sync_file(*directory, tree_.path() + "/" + parent));
    if (error_number == EEXIST) return name_taken(*directory, name, path());
    return ok();
  }
  if (::access("/proc/self/fd", X_OK) != 0) {
    return Error(ErrorKind::unsupported, "cannot name " + path() + ": /proc is not mounted");
  }
  return Error(ErrorKind::transient, "cannot name " + path() + ": its directory is removed again and again");
}

}  // namespace spendsync::storage
