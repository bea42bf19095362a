// The directories below a directory store's root. Internal to the directory store.
#pragma once

#include <sys/stat.h>

#include <compare>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/types.h"

namespace spendsync::storage {

/// Opens, makes, syncs and prunes directories by descriptor, level by level: each must be a real directory (no
/// symbolic link), owned by the running user or root and writable by its owner alone (errors: refused).
/// `relative` is the directory part of an object key without a trailing slash; empty is the root. Thread-safe.
class DirectoryTree {
 public:
  struct Settings {
    std::string path;
    bool create = false;
  };
  /// Errors: not_found when the root is missing and may not be made.
  static Result<std::unique_ptr<DirectoryTree>> open(Settings settings);

  const std::string& path() const { return path_; }
  const Fd& root() const { return root_; }

  /// Errors: not_found, also when a part of the path is a file.
  Result<Fd> open_directory(std::string_view relative) const;
  /// Makes what is missing. On success every entry from the root down to it survives a power loss, whoever made it.
  /// Errors: not_found when a concurrent prune took it away again (try again); conflict when a part of the path is a
  /// file.
  Result<Fd> make_directory(std::string_view relative);
  /// Removes `relative` and the directories above it as far as they are empty; never the root.
  void prune(std::string_view relative) const;
  /// One level down from `parent`; `relative` names it for messages.
  Result<Fd> open_child(const Fd& parent, const std::string& name, std::string_view relative) const;

 private:
  /// Tells a directory from a later one of the same name and inode number.
  struct Identity {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t born_s = 0;
    uint32_t born_ns = 0;
    auto operator<=>(const Identity&) const = default;
  };

  DirectoryTree(std::string path, Fd root) : path_(std::move(path)), root_(std::move(root)) {}
  Result<void> make_entry_durable(const Fd& parent, const Fd& child, const std::string& name);

  std::string path_;
  Fd root_;
  std::mutex mutex_;
  std::set<Identity> durable_;  // directories whose entry in their parent has been synced by this process
};

/// What a file must be to count as an object: regular, owned by the running user or root, writable by its owner alone.
/// Errors: refused, with the command that mends it.
Result<void> check_object_file(const struct stat& attributes, const std::string& path);

}  // namespace spendsync::storage
