// A temporary directory that does not outlive a killed program for long.
#pragma once

#include <string>
#include <string_view>

#include "base/file.h"

namespace spendsync {

/// A TemporaryDirectory with a lock (flock on the directory itself), which the system gives up when the program ends in
/// whatever way: that tells one in use from one that a killed run left. Children do not inherit the lock.
class ScratchDirectory {
 public:
  /// Directories of the same parent, prefix and user that killed runs left more than an hour ago are removed first;
  /// what cannot be removed is left without a word, and so is everything where the file system knows no locks.
  static Result<ScratchDirectory> create(const std::string& parent, std::string_view prefix);
  const std::string& path() const { return directory_.path(); }

 private:
  ScratchDirectory(Fd lock, TemporaryDirectory directory) : lock_(std::move(lock)), directory_(std::move(directory)) {}
  Fd lock_;  // given up after the directory is gone
  TemporaryDirectory directory_;
};

}  // namespace spendsync
