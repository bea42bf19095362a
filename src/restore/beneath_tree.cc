#include "restore/beneath_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace spendsync::restore {

namespace {

struct SplitPath {
  std::string parent;  // empty: the root
  std::string name;
};

SplitPath split(const std::string& relative) {
  auto slash = relative.find_last_of('/');
  if (slash == std::string::npos) return {"", relative};
  return {relative.substr(0, slash), relative.substr(slash + 1)};
}

}  // namespace

Result<BeneathTree> BeneathTree::open(const std::string& path) {
  Fd root = TRY(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  return BeneathTree(path, std::move(root));
}

/// What a table of files must not lead to is the table's damage; the rest (space, permission) is the target's.
Error BeneathTree::failure(const std::string& relative, Error error) const {
  if (error.is(ErrorKind::refused))
    return Error(ErrorKind::corrupt, "the backup's file table is hostile: " + error.message());
  switch (error.os_error()) {
    case EEXIST:
      return Error(ErrorKind::corrupt, fmt::format("the backup names {} twice", relative));
    case ELOOP:
    case EXDEV:
    case ENOTDIR:
    case EISDIR:
      return Error(ErrorKind::corrupt,
                   fmt::format("{} leads through something that is no directory of the backup", relative));
    default:
      return std::move(error).with_context(fmt::format("making {} in {}", relative, path_));
  }
}

Result<void> BeneathTree::make_directory(const std::string& relative, mode_t mode) const {
  for (size_t end = relative.find('/');; end = relative.find('/', end + 1)) {
    auto [parent, name] = split(relative.substr(0, end));
    Fd directory;
    if (!parent.empty()) {
      auto opened = open_beneath(root_, parent, O_PATH | O_DIRECTORY);
      if (!opened) return failure(relative, std::move(opened).error());
      directory = std::move(*opened);
    }
    int at = parent.empty() ? root_.get() : directory.get();
    if (mkdirat(at, name.c_str(), mode) != 0 && errno != EEXIST) {
      return failure(relative, Error::from_errno(errno, "cannot make the directory"));
    }
    if (end == std::string::npos) break;
  }
  // What was there already must be a directory, not a link to one.
  auto made = open_beneath(root_, relative, O_PATH | O_DIRECTORY);
  if (!made) return failure(relative, std::move(made).error());
  return {};
}

Result<BeneathTree::Place> BeneathTree::place(const std::string& relative, mode_t directory_mode) const {
  auto [parent, name] = split(relative);
  if (parent.empty()) {
    Fd same = TRY(open_beneath(root_, ".", O_PATH | O_DIRECTORY));
    return Place{std::move(same), name};
  }
  auto directory = open_beneath(root_, parent, O_PATH | O_DIRECTORY);
  if (!directory && directory.error().os_error() == ENOENT) {
    TRY(make_directory(parent, directory_mode));
    directory = open_beneath(root_, parent, O_PATH | O_DIRECTORY);
  }
  if (!directory) return failure(relative, std::move(directory).error());
  return Place{std::move(*directory), name};
}

Result<Fd> BeneathTree::create_file(const std::string& relative, Modes modes) const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto file = open_beneath(root_, relative, kFlags, modes.file);
  if (!file && file.error().os_error() == ENOENT) {
    auto parent = split(relative).parent;
    if (!parent.empty()) TRY(make_directory(parent, modes.directory));
    file = open_beneath(root_, relative, kFlags, modes.file);
  }
  if (!file) return failure(relative, std::move(file).error());
  return file;
}

Result<void> BeneathTree::make_symbolic_link(const std::string& relative, const std::string& text,
                                             mode_t directory_mode) const {
  auto at = TRY(place(relative, directory_mode));
  if (symlinkat(text.c_str(), at.parent.get(), at.name.c_str()) == 0) return {};
  return failure(relative, Error::from_errno(errno, "cannot make the link"));
}

Result<void> BeneathTree::make_hard_link(const std::string& existing, const std::string& relative,
                                         mode_t directory_mode) const {
  auto from = TRY(place(existing, directory_mode));
  struct stat status {};
  if (fstatat(from.parent.get(), from.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) {
    return Error(ErrorKind::corrupt,
                 fmt::format("{} is another name of {}, which is no file of the backup", relative, existing));
  }
  auto to = TRY(place(relative, directory_mode));
  if (linkat(from.parent.get(), from.name.c_str(), to.parent.get(), to.name.c_str(), 0) == 0) return {};
  return failure(relative, Error::from_errno(errno, "cannot make the hard link"));
}

Result<Fd> BeneathTree::open_existing(const std::string& relative, int flags) const {
  return open_beneath(root_, relative, flags | O_NOFOLLOW);
}

Result<void> BeneathTree::rename(const std::string& from, const std::string& to) const {
  auto source = TRY(place(from, 0700));
  auto target = TRY(place(to, 0700));
  if (renameat(source.parent.get(), source.name.c_str(), target.parent.get(), target.name.c_str()) == 0) return {};
  return Error::from_errno(errno, fmt::format("cannot rename {}/{} to {}", path_, from, to));
}

Result<void> BeneathTree::sync() const {
  if (syncfs(root_.get()) == 0) return {};
  return Error::from_errno(errno, fmt::format("cannot write {} to disk", path_));
}

}  // namespace spendsync::restore
