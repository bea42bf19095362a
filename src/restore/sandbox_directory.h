// A private directory for a recovery that is thrown away.
#pragma once

#include <stop_token>

#include "base/file.h"
#include "base/log.h"

namespace spendsync::restore {

/// <parent>/spendsync-sandbox-XXXXXX (0700), removed with all that is in it when this goes. A lock in it, which the
/// system gives up when the program ends in whatever way, tells a sandbox in use from what a killed run left.
class SandboxDirectory {
 public:
  SandboxDirectory(SandboxDirectory&&) = default;
  SandboxDirectory& operator=(SandboxDirectory&&) = delete;
  ~SandboxDirectory();

  /// Makes `parent` where it is missing. What killed runs left there is removed first and named in the log, a server
  /// that still runs in it is stopped; what cannot be removed is named and left.
  /// Errors: those of the file system; cancelled.
  static Result<SandboxDirectory> make(const std::string& parent, const Clock& clock, Log& log, std::stop_token stop);

  const std::string& path() const { return directory_.path(); }
  std::string data_directory() const { return path() + "/data"; }

 private:
  SandboxDirectory(Fd lock, TemporaryDirectory directory) : lock_(std::move(lock)), directory_(std::move(directory)) {}
  Fd lock_;  // given up after the directory is gone
  TemporaryDirectory directory_;
};

}  // namespace spendsync::restore
