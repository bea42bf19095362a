#include "restore/existing_tree.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace spendsync::restore {

namespace {

constexpr const char* kRoot = "";

std::string below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

/// Empty: not there.
Result<std::optional<struct stat>> look_at(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return std::optional(status);
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<struct stat>();
  return Error::from_errno(errno, "cannot look at " + path);
}

bool is_plain(const struct stat& status) {
  if (status.st_uid != ::geteuid()) return false;
  return S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink == 1);
}

}  // namespace

Result<std::vector<std::string>> ExistingTree::names_in(const std::string& relative) const {
  auto names = TRY(list_directory(relative.empty() ? tree_.path() : path_of(relative)));
  if (relative.empty()) std::erase_if(names, [&](const std::string& name) { return !is_ours_(name); });
  return names;
}

Result<void> ExistingTree::remove_foreign() const { return remove_foreign_below(kRoot); }

Result<void> ExistingTree::remove_foreign_below(const std::string& relative) const {
  auto names = TRY(names_in(relative));
  for (const auto& name : names) {
    auto inner = below(relative, name);
    auto status = TRY(look_at(path_of(inner)));
    if (!status) continue;
    if (!is_plain(*status)) {
      TRY(remove_tree(path_of(inner)));
    } else if (S_ISDIR(status->st_mode)) {
      TRY(remove_foreign_below(inner));
    }
  }
  return {};
}

/// Removes what has the name but not the type.
Result<void> ExistingTree::clear_the_way(const std::string& relative, mode_t wanted) {
  auto status = TRY(look_at(path_of(relative)));
  if (!status || (status->st_mode & S_IFMT) == wanted) return {};
  if (kept_.contains({status->st_dev, status->st_ino})) {
    return Error(ErrorKind::corrupt, fmt::format("the backup names {} twice", relative));
  }
  return remove_tree(path_of(relative));
}

Result<void> ExistingTree::make_directory(const std::string& relative, mode_t mode) {
  for (size_t end = relative.find('/');; end = relative.find('/', end + 1)) {
    TRY(clear_the_way(relative.substr(0, end), S_IFDIR));
    if (end == std::string::npos) break;
  }
  TRY(tree_.make_directory(relative, mode));
  for (size_t end = relative.find('/');; end = relative.find('/', end + 1)) {
    TRY(keep(relative.substr(0, end)));
    if (end == std::string::npos) break;
  }
  if (::chmod(path_of(relative).c_str(), mode) == 0) return {};
  return Error::from_errno(errno, "cannot set the mode of " + path_of(relative));
}

Result<ExistingTree::File> ExistingTree::open_file(const std::string& relative, BeneathTree::Modes modes) {
  auto slash = relative.find_last_of('/');
  auto directory = slash == std::string::npos ? std::string() : relative.substr(0, slash);
  if (!directory.empty() && directory != last_directory_) {
    TRY(make_directory(directory, modes.directory));
    last_directory_ = directory;
  }
  TRY(clear_the_way(relative, S_IFREG));
  File file;
  auto opened = tree_.open_existing(relative, O_RDWR | O_NONBLOCK);
  if (!opened && opened.error().os_error() == EACCES) {  // of mode 0400, such as server.key: made anew
    TRY(remove_tree(path_of(relative)));
    opened = tree_.open_existing(relative, O_RDWR | O_NONBLOCK);
  }
  if (opened) {
    file = {std::move(*opened), true};
  } else if (opened.error().os_error() == ENOENT) {
    file.fd = TRY(tree_.create_file(relative, modes));
  } else {
    return std::move(opened).error();
  }
  struct stat status {};
  if (::fstat(file.fd.get(), &status) != 0) return Error::from_errno(errno, "cannot look at " + path_of(relative));
  if (!kept_.emplace(status.st_dev, status.st_ino).second) {
    return Error(ErrorKind::corrupt, fmt::format("the backup names {} twice", relative));
  }
  return file;
}

Result<void> ExistingTree::keep(const std::string& relative) {
  auto status = TRY(look_at(path_of(relative)));
  if (status) kept_.emplace(status->st_dev, status->st_ino);
  return {};
}

Result<uint64_t> ExistingTree::remove_rest() const {
  uint64_t removed = 0;
  TRY(remove_rest_below(kRoot, removed));
  return removed;
}

Result<void> ExistingTree::remove_rest_below(const std::string& relative, uint64_t& removed) const {
  auto names = TRY(names_in(relative));
  for (const auto& name : names) {
    auto inner = below(relative, name);
    auto status = TRY(look_at(path_of(inner)));
    if (!status) continue;
    if (!kept_.contains({status->st_dev, status->st_ino})) {
      TRY(remove_tree(path_of(inner)));
      ++removed;
    } else if (S_ISDIR(status->st_mode)) {
      TRY(remove_rest_below(inner, removed));
    }
  }
  return {};
}

}  // namespace spendsync::restore
