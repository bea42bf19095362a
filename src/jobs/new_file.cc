#include "jobs/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace spendsync::jobs {
namespace {

Error taken(const std::string& path) {
  return Error(ErrorKind::refused, path + " exists; nothing is written over it").with_hint("choose another --output");
}

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<void> write_new_file(const std::string& path, ByteView content) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file && file.error().is(ErrorKind::already_exists)) return taken(path);
  auto opened = TRY(std::move(file));
  const auto write = [&]() -> Result<void> {
    TRY(write_all(opened, content, path));
    TRY(sync_file(opened, path));
    return opened.close();
  };
  auto written = write();
  if (!written) ::unlink(path.c_str());  // half a key or half a kit looks like a whole one
  return written;
}

Result<UnfinishedFile> UnfinishedFile::create(const std::string& path) {
  if (exists(path)) return taken(path);
  auto nameless = open_file(directory_of(path), O_TMPFILE | O_WRONLY, 0600);
  if (nameless) return UnfinishedFile(path, "", *std::move(nameless));
  const int why = nameless.error().os_error();
  const bool unknown = why == EOPNOTSUPP || why == EISDIR || why == EINVAL;  // open(2), O_TMPFILE
  if (!unknown) return std::move(nameless).error();
  auto unfinished = path + ".unfinished";
  auto file = open_file(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file && file.error().is(ErrorKind::already_exists)) {
    return Error(ErrorKind::refused, unfinished + " is being written, or was left by a run that was killed")
        .with_hint("choose another --output, or remove it when no export runs");
  }
  auto opened = TRY(std::move(file));
  return UnfinishedFile(path, std::move(unfinished), std::move(opened));
}

UnfinishedFile::~UnfinishedFile() {
  if (file_ && !unfinished_.empty()) ::unlink(unfinished_.c_str());
}

Result<uint64_t> UnfinishedFile::finish() {
  TRY(sync_file(file_, path_));
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return Error::from_errno(errno, "cannot look at " + path_);
  // link(2) never replaces what has the name already.
  const auto source = unfinished_.empty() ? "/proc/self/fd/" + std::to_string(file_.get()) : unfinished_;
  if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    if (errno == EEXIST) return taken(path_);
    return Error::from_errno(errno, "cannot give " + path_ + " its name");
  }
  if (!unfinished_.empty()) ::unlink(unfinished_.c_str());
  unfinished_.clear();
  TRY(sync_directory(directory_of(path_)));
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace spendsync::jobs
