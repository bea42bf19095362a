// The tablespaces of a server that is replaced: what moves out of the way of those that come.
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/condition.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "base/process_identity.h"
#include "restore/in_place/original_place.h"
#include "restore/shell_word.h"

namespace spendsync::restore {

namespace {

/// What a server of this version makes in each tablespace's location.
std::string version_directory(const RestorePlan& plan) {
  return fmt::format("PG_{}_{}", plan.target.backup.major_version, plan.target.backup.catalog_version);
}

std::string existing_ancestor(std::string path) {
  while (path.size() > 1 && !exists(path)) path = path.substr(0, std::max<size_t>(path.find_last_of('/'), 1));
  return path;
}

}  // namespace

/// Inside their own locations, which may be mount points and may serve other versions.
Result<void> OriginalPlace::move_tablespaces(const RestorePlan& plan) {
  const auto version = version_directory(plan);
  for (const auto& tablespace : plan.tablespaces) {
    if (!tablespace.chosen) TRY(move_version_directory(tablespace.location, version));
  }
  return free_new_locations(plan);
}

/// Nothing where there is none.
Result<void> OriginalPlace::move_version_directory(const std::string& location, const std::string& version) {
  auto old = location + "/" + version;
  if (!exists(old)) return {};
  auto aside = old + ".before-" + state_.stamp;
  if (::rename(old.c_str(), aside.c_str()) != 0) {
    return Error::from_errno(errno, fmt::format("cannot rename {} to {}", old, aside));
  }
  moved_tablespaces_.emplace_back(old, aside);
  return sync_directory(location);
}

// ---- tablespaces that replay makes

Result<void> OriginalPlace::check_new_locations(const RestorePlan& plan) const {
  PrivilegedRestores locations_may_belong_to_root;
  const auto version = version_directory(plan);
  for (const auto& tablespace : plan.new_tablespaces) {
    const auto& location = tablespace.location;
    auto refused = [&](const std::string& why, const std::string& hint) {
      return Error(ErrorKind::refused,
                   fmt::format("replay makes tablespace {} in {}, {}", tablespace.oid, location, why))
          .with_condition(Condition::tablespace_after_backup)
          .with_hint(hint);
    };
    if ((location + "/").starts_with(data() + "/")) {
      return refused("which lies in the data directory that is replaced",
                     "restore to a moment before it was made, or from a backup that has it");
    }
    auto place = existing_ancestor(location);
    if (::faccessat(AT_FDCWD, place.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
      return refused(fmt::format("and {} cannot be written", place),
                     fmt::format("mkdir -p {} and give it to the server's user, then run the same command again",
                                 shell_word(location)));
    }
    auto names = exists(location + "/" + version) ? list_directory(location + "/" + version)
                                                  : Result<std::vector<std::string>>(std::vector<std::string>());
    if (names && (names->empty() || is_own_location(location))) continue;
    return refused(
        "where files lie that no tablespace of this server leads to: they may be another server's",
        fmt::format("move {}/{} elsewhere when nothing uses it, then run the same command again", location, version));
  }
  return {};
}

/// A tablespace of the server that is replaced, or of an attempt to replace it, leads there.
bool OriginalPlace::is_own_location(const std::string& location) const {
  for (const auto& directory : {data(), state_.moved_to}) {
    if (directory.empty()) continue;
    auto names = list_directory(directory + "/pg_tblspc");
    if (!names) continue;
    for (const auto& name : *names) {
      std::error_code failed;
      auto leads_to = std::filesystem::read_symlink(directory + "/pg_tblspc/" + name, failed);
      if (!failed && leads_to == location) return true;
    }
  }
  return false;
}

Result<void> OriginalPlace::free_new_locations(const RestorePlan& plan) {
  PrivilegedRestores locations_may_belong_to_root;
  const auto version = version_directory(plan);
  for (const auto& tablespace : plan.new_tablespaces) {
    auto made = make_directories(tablespace.location, 0700);
    auto place = tablespace.location + "/" + version;
    bool of_an_attempt = made && exists(place + ".before-" + state_.stamp);
    if (of_an_attempt) made = remove_tree(place);
    if (made && !of_an_attempt) made = move_version_directory(tablespace.location, version);
    if (!made) {
      return_tablespaces();
      return made;
    }
  }
  return {};
}

void OriginalPlace::return_tablespaces() {
  for (const auto& [from, to] : moved_tablespaces_) static_cast<void>(::rename(to.c_str(), from.c_str()));
  moved_tablespaces_.clear();
}

}  // namespace spendsync::restore
