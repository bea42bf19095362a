#include "storage/directory/directory_tree.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "base/condition.h"

namespace spendsync::storage {
namespace {

// Without O_NOFOLLOW: with it a link would be reported as "not a directory" where openat2 says that it is a link.
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY;
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr size_t kRememberedDirectoriesMax = 4096;
// After an hour a directory is on the disk even if its maker died before the sync: the kernel writes back what is
// older than 30 s (vm.dirty_expire_centisecs). Saves a process that stores one WAL segment five syncs of old
// directories.
constexpr int64_t kSettledAgeSeconds = 3600;

Result<void> check_owner_and_mode(const struct stat& attributes, const std::string& path) {
  if (attributes.st_uid != geteuid() && attributes.st_uid != 0) {
    return Error(ErrorKind::refused, path + " belongs to user " + std::to_string(attributes.st_uid) +
                                         ", neither to the running user nor to root")
        .with_condition(Condition::repository_directory_unsafe)
        .with_hint("run as its owner, or: chown " + std::to_string(geteuid()) + " " + path);
  }
  if ((attributes.st_mode & kOthersMayWrite) != 0) {
    return Error(ErrorKind::refused, path + " can be written by other users than its owner")
        .with_condition(Condition::repository_directory_unsafe)
        .with_hint("chmod go-w " + path);
  }
  return ok();
}

Result<void> check_directory(const Fd& directory, const std::string& path) {
  struct stat attributes {};
  if (fstat(directory.get(), &attributes) != 0) return Error::from_errno(errno, "cannot examine " + path);
  return check_owner_and_mode(attributes, path);
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

/// mkdir -p that survives a power loss.
Result<void> create_root(const std::string& path) {
  std::vector<std::string> parents;  // of the directories that are missing, deepest first
  for (std::string missing = path; !exists(missing); missing = parent_of(missing)) {
    parents.push_back(parent_of(missing));
    if (parents.back() == missing) break;
  }
  TRY(make_directories(path, kDirectoryMode));
  for (const auto& parent : parents) TRY(sync_directory(parent));
  return ok();
}

Error explain_root_failure(Error error, const std::string& path) {
  if (error.os_error() == ENOENT) {
    return Error(ErrorKind::not_found, "repository directory " + path + " does not exist")
        .with_condition(Condition::repository_directory_missing)
        .with_hint("mount it, or correct the storage path in the configuration; the first backup creates it");
  }
  if (error.os_error() == ENOTDIR || error.os_error() == ELOOP) {
    return Error(ErrorKind::refused, "repository directory " + path + " is a symbolic link or no directory")
        .with_condition(Condition::repository_directory_unsafe)
        .with_hint("name the directory itself: readlink -f " + path);
  }
  return error;
}

/// By the clock that dated the directory: the kernel's.
int64_t age_s(const statx_timestamp& born) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec - born.tv_sec;
}

std::vector<std::string> components_of(std::string_view relative) {
  std::vector<std::string> components;
  while (!relative.empty()) {
    auto slash = std::min(relative.find('/'), relative.size());
    components.emplace_back(relative.substr(0, slash));
    relative.remove_prefix(std::min(slash + 1, relative.size()));
  }
  return components;
}

}  // namespace

Result<std::unique_ptr<DirectoryTree>> DirectoryTree::open(Settings settings) {
  if (settings.path.empty()) return Error(ErrorKind::invalid, "the path of the repository directory is empty");
  // With a slash at its end the path would be followed through a link.
  auto path = without_trailing_slashes(std::move(settings.path));
  if (settings.create && !exists(path)) TRY_CONTEXT(create_root(path), "making the repository directory " + path);
  auto root = open_file(path, kDirectoryFlags | O_NOFOLLOW, 0);
  if (!root) return explain_root_failure(std::move(root).error(), path);
  TRY(check_directory(*root, path));
  return std::unique_ptr<DirectoryTree>(new DirectoryTree(std::move(path), std::move(*root)));
}

Result<Fd> DirectoryTree::open_child(const Fd& parent, const std::string& name, std::string_view relative) const {
  auto child = open_beneath(parent, name, kDirectoryFlags, 0);
  if (!child) return std::move(child).error().with_context("opening " + path_ + "/" + std::string(relative));
  TRY(check_directory(*child, path_ + "/" + std::string(relative)));
  return child;
}

Result<Fd> DirectoryTree::open_directory(std::string_view relative) const {
  auto directory = TRY(open_beneath(root_, ".", kDirectoryFlags, 0));
  for (const auto& component : components_of(relative)) {
    auto child = open_child(directory, component, relative);
    if (!child && child.error().os_error() == ENOTDIR) {
      return Error(ErrorKind::not_found, path_ + "/" + std::string(relative) + " is no directory");
    }
    if (!child) return std::move(child).error();
    directory = std::move(*child);
  }
  return directory;
}

Result<Fd> DirectoryTree::make_directory(std::string_view relative) {
  auto directory = TRY(open_beneath(root_, ".", kDirectoryFlags, 0));
  for (const auto& component : components_of(relative)) {
    auto child = open_child(directory, component, relative);
    if (!child && child.error().is(ErrorKind::not_found)) {
      if (mkdirat(directory.get(), component.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
        return Error::from_errno(errno, "cannot make directory " + path_ + "/" + std::string(relative));
      }
      child = open_child(directory, component, relative);
    }
    if (!child && child.error().os_error() == ENOTDIR) {
      return Error(ErrorKind::conflict, path_ + "/" + std::string(relative) + ": '" + component + "' is an object");
    }
    if (!child) return std::move(child).error();
    TRY(make_entry_durable(directory, *child, component));
    directory = std::move(*child);
  }
  return directory;
}

/// Also for directories that were there before: whoever made them may not have synced the parent yet.
Result<void> DirectoryTree::make_entry_durable(const Fd& parent, const Fd& child, const std::string& name) {
  struct statx attributes {};
  if (statx(child.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &attributes) != 0) {
    return Error::from_errno(errno, "cannot examine directory " + name);
  }
  bool rememberable = (attributes.stx_mask & STATX_BTIME) != 0;
  if (rememberable && age_s(attributes.stx_btime) > kSettledAgeSeconds) return ok();
  Identity identity{(uint64_t{attributes.stx_dev_major} << 32) | attributes.stx_dev_minor, attributes.stx_ino,
                    attributes.stx_btime.tv_sec, attributes.stx_btime.tv_nsec};
  {
    std::lock_guard lock(mutex_);
    if (rememberable && durable_.contains(identity)) return ok();
  }
  TRY(sync_file(parent, path_ + " (directory above " + name + ")"));
  std::lock_guard lock(mutex_);
  if (durable_.size() >= kRememberedDirectoriesMax) durable_.clear();
  if (rememberable) durable_.insert(identity);
  return ok();
}

void DirectoryTree::prune(std::string_view relative) const {
  while (!relative.empty()) {
    auto slash = relative.find_last_of('/');
    auto above = slash == std::string_view::npos ? std::string_view() : relative.substr(0, slash);
    std::string name(slash == std::string_view::npos ? relative : relative.substr(slash + 1));
    auto parent = open_directory(above);
    // rmdir itself decides whether the directory is empty: nothing that appears meanwhile can be lost.
    if (!parent || unlinkat(parent->get(), name.c_str(), AT_REMOVEDIR) != 0) return;
    relative = above;
  }
}

Result<void> check_object_file(const struct stat& attributes, const std::string& path) {
  if (!S_ISREG(attributes.st_mode)) {
    return Error(ErrorKind::refused, path + " is a symbolic link or special file, no object")
        .with_hint("find out who put it there, then remove it");
  }
  return check_owner_and_mode(attributes, path);
}

}  // namespace spendsync::storage
