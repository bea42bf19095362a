#include "restore/sandbox_directory.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "restore/target_directory.h"

namespace spendsync::restore {
namespace {

constexpr const char* kPrefix = "spendsync-sandbox-";
constexpr const char* kLockFile = "/sandbox.lock";
constexpr std::chrono::milliseconds kPollInterval{50};

/// False: it belongs to somebody else or is in use.
Result<bool> is_left_over(const std::string& path, Fd& lock) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return Error::from_errno(errno, "cannot look at " + path);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) return false;
  lock = TRY(open_file(path + kLockFile, O_RDWR | O_NOFOLLOW));
  return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

Result<bool> remove_left_over(const std::string& path, Log& log, std::stop_token stop) {
  Fd lock;
  const bool left = TRY(is_left_over(path, lock));
  if (!left) return false;
  const auto data = path + "/data";
  if (exists(data + "/postmaster.pid")) TRY(stop_orphan(data, log, stop));
  TRY(remove_tree(path));
  return true;
}

/// Never an error: what another run left does not keep this one from working.
Result<void> remove_left_overs(const std::string& parent, Log& log, std::stop_token stop) {
  auto names = TRY(list_directory(parent));
  for (const auto& name : names) {
    if (!name.starts_with(kPrefix)) continue;
    const auto path = fmt::format("{}/{}", parent, name);
    auto removed = remove_left_over(path, log, stop);
    if (!removed && removed.error().is(ErrorKind::cancelled)) return std::move(removed).error();
    if (!removed) {
      log.warning("a sandbox of an interrupted run cannot be removed",
                  {{"directory", path}, {"why", removed.error().message()}});
    } else if (*removed) {
      log.warning("removed the sandbox that an interrupted run left", {{"directory", path}});
    }
  }
  return {};
}

/// Between making a sandbox and locking it nobody else may take it for one that was left.
Result<Fd> hold_parent(const std::string& parent, const Clock& clock, std::stop_token stop) {
  auto directory = TRY(open_file(parent, O_RDONLY | O_DIRECTORY));
  while (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::from_errno(errno, "cannot lock " + parent);
    TRY(clock.sleep_for(kPollInterval, stop));
  }
  return directory;
}

}  // namespace

/// The lock goes last: what a kill leaves half way is still known as a sandbox that nobody uses.
SandboxDirectory::~SandboxDirectory() {
  if (path().empty()) return;  // moved from
  auto names = list_directory(path());
  if (!names) return;
  for (const auto& name : *names) {
    if ("/" + name == kLockFile) continue;
    auto removed = remove_tree(path() + "/" + name);
    if (!removed) return;  // tried again with the directory
  }
}

Result<SandboxDirectory> SandboxDirectory::make(const std::string& parent, const Clock& clock, Log& log,
                                                std::stop_token stop) {
  const auto place = TRY(normalize_target(parent));
  TRY(make_directories(place, 0700));
  const auto held = TRY(hold_parent(place, clock, stop));
  TRY(remove_left_overs(place, log, stop));
  auto directory = TRY(TemporaryDirectory::create(place, kPrefix));
  auto lock = TRY(open_file(directory.path() + kLockFile, O_RDWR | O_CREAT | O_EXCL));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error::from_errno(errno, "cannot lock " + directory.path() + kLockFile);
  }
  return SandboxDirectory(std::move(lock), std::move(directory));
}

}  // namespace spendsync::restore
