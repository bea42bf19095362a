#include "base/scratch_directory.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>

namespace spendsync {
namespace {

constexpr size_t kUniqueLetters = 6;  // of mkdtemp
/// A program that was replaced while it ran may be of a version that held no lock yet.
constexpr time_t kGrace_seconds = 3600;

/// A server that a killed run left works in its data directory.
bool has_process_inside(const std::string& path) {
  auto processes = list_directory("/proc");
  if (!processes) return true;
  return std::ranges::any_of(*processes, [&](const std::string& name) {
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) return false;
    std::error_code of_another_user;
    auto place = std::filesystem::read_symlink(fmt::format("/proc/{}/cwd", name), of_another_user).string();
    return place == path || place.starts_with(path + "/");
  });
}

/// mkdtemp makes such names of `prefix`.
bool is_scratch_name(std::string_view name, std::string_view prefix) {
  if (name.size() != prefix.size() + kUniqueLetters || !name.starts_with(prefix)) return false;
  return std::ranges::all_of(name.substr(prefix.size()),
                             [](unsigned char letter) { return std::isalnum(letter) != 0; });
}

/// None: it is in use, a link, or another user's, or there are no locks here.
Result<Fd> lock_left_over(const std::string& path) {
  Fd directory = TRY(open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return Error::from_errno(errno, "cannot look at " + path);
  if (status.st_uid != ::geteuid()) return Fd();
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return Fd();
  return directory;
}

/// What cannot be removed does not keep anybody from working.
void remove_left_overs(const std::string& parent, std::string_view prefix) {
  auto names = list_directory(parent);
  if (!names) return;
  for (const auto& name : *names) {
    if (!is_scratch_name(name, prefix)) continue;
    const auto path = fmt::format("{}/{}", parent, name);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || ::time(nullptr) - status.st_mtime < kGrace_seconds) continue;
    auto held = lock_left_over(path);
    if (held && *held && !has_process_inside(path)) static_cast<void>(remove_tree(path));
  }
}

}  // namespace

/// Whoever looks for left overs may lock the new directory before its maker does, and remove it.
Result<ScratchDirectory> ScratchDirectory::create(const std::string& parent, std::string_view prefix) {
  remove_left_overs(parent, prefix);
  while (true) {
    auto made = TRY(TemporaryDirectory::create(parent, prefix));
    auto lock = open_file(made.path(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!lock && lock.error().is(ErrorKind::not_found)) continue;
    if (!lock) return std::move(lock).error();
    if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) continue;
    struct stat status {};
    if (::fstat(lock->get(), &status) == 0 && status.st_nlink == 0) continue;
    return ScratchDirectory(std::move(*lock), std::move(made));
  }
}

}  // namespace spendsync
