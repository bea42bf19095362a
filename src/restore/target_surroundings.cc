#include "restore/target_surroundings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/condition.h"
#include "base/file.h"

namespace spendsync::restore {
namespace {

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Identity&) const = default;
};

Result<Identity> identity_of(const Fd& directory) {
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return Error::from_errno(errno, "cannot look at a directory");
  return Identity{status.st_dev, status.st_ino};
}

std::string parent_of(const std::string& path) {
  auto slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

struct Deepest {
  Fd directory;
  bool is_place = false;  // it is the place itself, not one above
};

/// Of `place`, or of what will be above it.
Result<Deepest> open_deepest(const std::string& place) {
  for (auto path = place;; path = parent_of(path)) {
    auto opened = open_file(path, O_PATH | O_DIRECTORY);
    if (opened) return Deepest{std::move(*opened), path == place};
    int why = opened.error().os_error();
    if ((why != ENOENT && why != ENOTDIR) || path == "/") return std::move(opened).error();
  }
}

std::string name_of(const Fd& directory) {
  std::error_code failed;
  auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", directory.get()), failed);
  return failed ? std::string("a directory above") : path.string();
}

bool has(const Fd& directory, const char* name) {
  struct stat status {};
  return ::fstatat(directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/// A directory that is half restored or half rewritten has no pg_control.
bool is_data_directory(const Fd& directory) {
  return has(directory, "PG_VERSION") && (has(directory, "global") || has(directory, "base"));
}

/// PG_15_202209061: PostgreSQL makes one in the location of a tablespace (common/relpath.h,
/// TABLESPACE_VERSION_DIRECTORY: major version and catalog version, which is a date and a digit).
bool is_version_directory(const std::string& name) {
  constexpr size_t kCatalogVersion = 9;
  auto digits = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  std::string_view rest = name;
  if (!rest.starts_with("PG_")) return false;
  rest.remove_prefix(3);
  const auto underscore = rest.find('_');
  if (underscore == std::string_view::npos) return false;
  return digits(rest.substr(0, underscore)) && rest.size() - underscore - 1 == kCatalogVersion &&
         digits(rest.substr(underscore + 1));
}

/// A directory that may not be read is none of a server that runs as this user.
bool is_tablespace_location(const Fd& directory) {
  auto names = list_directory(fmt::format("/proc/self/fd/{}/.", directory.get()));
  return names && std::ranges::any_of(*names, is_version_directory);
}

Error refused(const std::string& message) {
  return Error(ErrorKind::refused, message)
      .with_condition(Condition::target_not_usable)
      .with_hint("choose a place outside of it");
}

/// From `directory` up to the root, through whatever is mounted. `visit` answers false to end the walk.
template <typename Visit>
Result<void> walk_up(Fd directory, const Visit& visit) {
  while (true) {
    auto here = TRY(identity_of(directory));
    bool go_on = TRY(visit(directory, here));
    if (!go_on) return {};
    Fd above = TRY(open_at(directory, "..", O_PATH | O_DIRECTORY));
    auto parent = TRY(identity_of(above));
    if (parent == here) return {};
    directory = std::move(above);
  }
}

/// None: it is not there, or not on this host.
Result<std::optional<Fd>> open_repository(const std::string& repository) {
  if (!repository.starts_with('/')) return std::optional<Fd>();
  auto opened = open_file(repository, O_PATH | O_DIRECTORY);
  if (opened) return std::optional<Fd>(std::move(*opened));
  if (opened.error().os_error() == ENOENT) return std::optional<Fd>();
  return std::move(opened).error();
}

Result<void> check_holds_no_repository(const std::string& place, const std::string& repository) {
  auto opened = TRY(open_repository(repository));
  if (!opened) return {};
  auto there = open_file(place, O_PATH | O_DIRECTORY);
  if (!there) return {};  // what is not there holds nothing
  auto forbidden = TRY(identity_of(*there));
  return walk_up(std::move(*opened), [&](const Fd&, const Identity& here) -> Result<bool> {
    if (here != forbidden) return true;
    return Error(ErrorKind::refused, fmt::format("{} holds the repository {}", place, repository))
        .with_condition(Condition::target_not_usable)
        .with_hint("a restore would remove or move what it restores from: choose another place");
  });
}

}  // namespace

Result<void> check_surroundings(const std::string& place, const std::string& repository) {
  std::optional<Identity> forbidden;
  auto opened = TRY(open_repository(repository));
  if (opened) forbidden = TRY(identity_of(*opened));
  auto deepest = TRY(open_deepest(place));
  bool is_place = deepest.is_place;
  TRY(walk_up(std::move(deepest.directory), [&](const Fd& directory, const Identity& here) -> Result<bool> {
    if (here == forbidden) return refused(fmt::format("{} lies in the repository {}", place, repository));
    if (std::exchange(is_place, false)) return true;
    if (is_data_directory(directory)) {
      return refused(fmt::format("{} lies in {}, which is a data directory of PostgreSQL", place, name_of(directory)));
    }
    if (is_tablespace_location(directory)) {
      return refused(
          fmt::format("{} lies in {}, where a tablespace of PostgreSQL has its files", place, name_of(directory)));
    }
    return true;
  }));
  return check_holds_no_repository(place, repository);
}

Result<void> check_places(const RestorePlan& plan) {
  const auto& paths = plan.paths;
  if (plan.in_place) {
    TRY(check_holds_no_repository(paths.data, plan.repository));
  } else {
    for (const auto& place : {paths.data, paths.files, paths.tablespaces, paths.window}) {
      const bool inside = place.starts_with(paths.data + "/");  // the window where there is no room beside: it is ours
      if (!inside) TRY(check_surroundings(place, plan.repository));
    }
  }
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.chosen) TRY(check_surroundings(tablespace.location, plan.repository));
  }
  return {};
}

}  // namespace spendsync::restore
