// A directory under which everything of a restore is made, and nothing outside it.
#pragma once

#include <string>

#include "base/file.h"

namespace spendsync::restore {

/// Every path is resolved by openat2(2) beneath the root, without following any link (RESOLVE_BENEATH,
/// RESOLVE_NO_SYMLINKS), so a hostile file table cannot lead out of it. Nothing is ever overwritten: what exists
/// already was named twice, and is `corrupt`. Thread-safe: it holds one descriptor and no state.
class BeneathTree {
 public:
  /// `path` must be a directory and not a link.
  static Result<BeneathTree> open(const std::string& path);
  const std::string& path() const { return path_; }
  const Fd& root() const { return root_; }

  /// Makes it and what is missing above it with `mode`. One that is there is left as it is.
  Result<void> make_directory(const std::string& relative, mode_t mode) const;
  /// A new regular file, opened for writing; missing directories above are made with `directory_mode`.
  /// Errors: corrupt when something of that name was made already, or a link or file stands where a directory should.
  struct Modes {
    mode_t file = 0600;
    mode_t directory = 0700;
  };
  Result<Fd> create_file(const std::string& relative, Modes modes) const;
  /// A symbolic link with any text: nothing in here follows it.
  Result<void> make_symbolic_link(const std::string& relative, const std::string& text, mode_t directory_mode) const;
  /// A further name for a regular file of this tree.
  Result<void> make_hard_link(const std::string& existing, const std::string& relative, mode_t directory_mode) const;
  /// The file or directory itself; a link is opened as the link (O_PATH). For owner, mode and times.
  Result<Fd> open_existing(const std::string& relative, int flags) const;
  /// Renames within one directory of the tree.
  Result<void> rename(const std::string& from, const std::string& to) const;
  /// Writes all that was written below to disk: syncfs(2), which also reports what earlier write-back lost.
  Result<void> sync() const;

 private:
  BeneathTree(std::string path, Fd root) : path_(std::move(path)), root_(std::move(root)) {}
  struct Place {
    Fd parent;
    std::string name;
  };
  Result<Place> place(const std::string& relative, mode_t directory_mode) const;
  Error failure(const std::string& relative, Error error) const;
  std::string path_;
  Fd root_;
};

}  // namespace spendsync::restore
