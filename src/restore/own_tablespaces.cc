#include "restore/own_tablespaces.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"

namespace spendsync::restore {
namespace {

/// Both through links. False where one of them is not there.
Result<bool> is_same_directory(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  for (const auto& [path, status] : {std::pair(&one, &a), std::pair(&other, &b)}) {
    if (::stat(path->c_str(), status) == 0) continue;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Error::from_errno(errno, "cannot look at " + *path);
  }
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_link(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

Result<bool> is_originals(const std::string& location, const OriginalTablespaces& original) {
  for (const auto& recorded : original.locations) {
    bool same = TRY(is_same_directory(recorded, location));
    if (same) return true;
  }
  if (!original.data_directory) return false;
  const auto links = *original.data_directory + "/pg_tblspc";
  auto names = list_directory(links);
  if (!names && names.error().is(ErrorKind::not_found)) return false;
  if (!names) return std::move(names).error();
  for (const auto& name : *names) {
    bool same = TRY(is_same_directory(fmt::format("{}/{}", links, name), location));
    if (same) return true;
  }
  return false;
}

}  // namespace

Result<bool> is_own_tablespace(const std::string& data, const PlannedTablespace& tablespace,
                               const OriginalTablespaces& original) {
  const auto link = fmt::format("{}/pg_tblspc/{}", data, tablespace.oid);
  if (!is_link(link)) return false;
  bool leads_there = TRY(is_same_directory(link, tablespace.location));
  if (!leads_there) return false;
  bool originals = TRY(is_originals(tablespace.location, original));
  return !originals;
}

}  // namespace spendsync::restore
