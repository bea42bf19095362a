#include "postgres/data_directory.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "postgres/directory_walk.h"
#include "postgres/relation_name.h"

namespace spendsync::postgres {
namespace {

Result<int> read_major_version(const std::string& path) {
  auto text = TRY(read_text_file(path + "/PG_VERSION", 64));
  int major = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
  if (error != std::errc() || std::string_view(end) != std::string_view("\n")) {
    return Error(ErrorKind::refused, fmt::format("{}/PG_VERSION does not name a version", path));
  }
  if (major < 13 || major > 18) {
    return Error(ErrorKind::unsupported, fmt::format("{} is of PostgreSQL {}; supported are 13 to 18", path, major));
  }
  return major;
}

Error not_a_data_directory(const std::string& path, std::string_view missing) {
  return Error(ErrorKind::refused, fmt::format("{} is no PostgreSQL data directory: it has no {}", path, missing))
      .with_hint("give the directory that `show data_directory` names");
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path) {
  auto directory = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  struct stat status {};
  if (fstat(directory.get(), &status) != 0) return Error::from_errno(errno, "reading " + path);
  for (const char* needed : {"PG_VERSION", "global/pg_control"}) {
    if (exists(path + "/" + needed)) continue;
    return not_a_data_directory(path, needed);
  }
  // As checkDataDir and SetDataDirectoryCreatePerm (utils/init/miscinit.c, common/file_perm.c): what others may do is
  // refused; set-id bits, for a group that reads the logs, say nothing.
  auto mode = status.st_mode & 07777;
  if ((mode & 0027) != 0) {
    return Error(ErrorKind::refused, fmt::format("{} has mode {:04o}, which PostgreSQL does not accept", path, mode))
        .with_hint("chmod it to 0700 (or 0750 where the group may read)");
  }
  auto major = TRY(read_major_version(path));
  return DataDirectory(path, major, (mode & 0750) == 0750);
}

Result<std::vector<Tablespace>> DataDirectory::tablespaces() const {
  std::vector<Tablespace> found;
  auto directory = path_ + "/pg_tblspc";
  auto names = TRY(list_directory(directory));
  auto link_directory = TRY(open_file(directory, O_RDONLY | O_DIRECTORY));
  for (const auto& name : names) {
    auto oid = parse_oid(name);
    if (!oid) continue;
    auto target = read_link(link_directory, name);
    if (target) {
      found.push_back({*oid, *target});
    } else if (target.error().os_error() == EINVAL) {  // no link: a directory in place
      found.push_back({*oid, {}});
    } else if (!target.error().is(ErrorKind::not_found)) {  // else dropped since it was listed
      return std::move(target).error();
    }
  }
  return found;
}

Result<void> DataDirectory::walk(const Visitor& visitor) const {
  auto spaces = TRY(tablespaces());
  auto walk = TRY(DirectoryWalk::create(path_, major_version_, std::move(spaces), visitor));
  return walk.run();
}

}  // namespace spendsync::postgres
