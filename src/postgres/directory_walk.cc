#include "postgres/directory_walk.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "postgres/control_file.h"
#include "postgres/relation_name.h"

namespace spendsync::postgres {
namespace {

// backup/basebackup.c: excludeDirContents; kept, but empty.
constexpr std::array<std::string_view, 7> kEmptied{"pg_stat_tmp", "pg_replslot",  "pg_dynshmem", "pg_notify",
                                                   "pg_serial",   "pg_snapshots", "pg_subtrans"};
// backup/basebackup.c: excludeFiles; the *.old are what a server leaves behind after recovery; the last two are of a
// restore by this program, and say nothing about another one.
constexpr std::array<std::string_view, 11> kExcluded{"postgresql.auto.conf.tmp",
                                                     "current_logfiles.tmp",
                                                     "backup_label",
                                                     "tablespace_map",
                                                     "backup_manifest",
                                                     "postmaster.pid",
                                                     "postmaster.opts",
                                                     "backup_label.old",
                                                     "tablespace_map.old",
                                                     "spendsync-restore.in-place",
                                                     "spendsync-restore.plan"};
constexpr std::array<std::string_view, 2> kExcludedPrefixes{"pg_internal.init", "pgsql_tmp"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_excluded(std::string_view name) {
  return contains(kExcluded, name) || std::any_of(kExcludedPrefixes.begin(), kExcludedPrefixes.end(),
                                                  [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::string join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : fmt::format("{}/{}", directory, name);
}

/// Relations of this directory that have an init fork: unlogged ones, which recovery resets from it.
std::vector<uint32_t> unlogged_relations(const NameList& names) {
  std::vector<uint32_t> numbers;
  for (size_t i = 0; i < names.size(); ++i) {
    auto relation = parse_relation_name(names[i]);
    if (relation && relation->fork == RelationName::Fork::initial) numbers.push_back(relation->number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool is_left_out_relation(std::string_view name, const std::vector<uint32_t>& unlogged) {
  if (is_temporary_relation_name(name)) return true;
  auto relation = parse_relation_name(name);
  return relation && relation->fork != RelationName::Fork::initial &&
         std::binary_search(unlogged.begin(), unlogged.end(), relation->number);
}

/// Opens a subdirectory. Empty: it has vanished.
Result<std::optional<Fd>> open_subdirectory(const Fd& parent, const std::string& name, int extra_flags) {
  auto opened = open_at(parent, name, O_RDONLY | O_DIRECTORY | extra_flags);
  if (opened) return std::optional<Fd>(*std::move(opened));
  if (opened.error().is(ErrorKind::not_found)) return std::optional<Fd>();
  return std::move(opened).error();
}

}  // namespace

Result<std::string> read_link(const Fd& directory, const std::string& name) {
  std::array<char, PATH_MAX> target;
  ssize_t size = readlinkat(directory.get(), name.c_str(), target.data(), target.size());
  if (size < 0) return Error::from_errno(errno, "reading the link " + name);
  return std::string(target.data(), static_cast<size_t>(size));
}

Result<NameList> NameList::read(const Fd& directory, const std::string& path) {
  int copy = openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return Error::from_errno(errno, "opening the directory " + path);
  DIR* stream = fdopendir(copy);
  if (stream == nullptr) {
    int error = errno;
    close(copy);
    return Error::from_errno(error, "opening the directory " + path);
  }
  NameList list;
  int error = 0;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) {
      error = errno;
      break;
    }
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (list.text_.size() + name.size() >= UINT32_MAX) {
      error = EOVERFLOW;
      break;
    }
    list.offsets_.push_back(static_cast<uint32_t>(list.text_.size()));
    list.text_.append(name).push_back('\0');
  }
  closedir(stream);
  if (error != 0) return Error::from_errno(error, "reading the directory " + path);
  std::sort(list.offsets_.begin(), list.offsets_.end(), [&](uint32_t a, uint32_t b) {
    return std::string_view(list.text_.data() + a) < std::string_view(list.text_.data() + b);
  });
  return list;
}

Result<DirectoryWalk> DirectoryWalk::create(const std::string& path, int major_version,
                                            std::vector<Tablespace> tablespaces,
                                            const DataDirectory::Visitor& visitor) {
  auto control = TRY(read_control_file(path));
  auto root = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  DirectoryWalk walk(std::move(root), path, fmt::format("PG_{}_{}", major_version, control.control.catalog_version),
                     std::move(tablespaces), visitor);
  walk.major_version_ = major_version;
  if (fstat(walk.root_.get(), &walk.root_status_) != 0) return Error::from_errno(errno, "reading " + path);
  TRY(walk.list_tablespace_locations());
  return walk;
}

/// A location may lie inside the data directory (which PostgreSQL only warns of): it must not be taken twice.
Result<void> DirectoryWalk::list_tablespace_locations() {
  for (const auto& tablespace : tablespaces_) {
    struct stat status {};
    if (tablespace.location.empty() || stat(tablespace.location.c_str(), &status) != 0) continue;
    tablespace_locations_.emplace_back(status.st_dev, status.st_ino);
  }
  return {};
}

Result<void> DirectoryWalk::run() {
  auto top = TRY(open_at(root_, ".", O_RDONLY | O_DIRECTORY));
  return walk_directory({std::move(top), "", Place::top});
}

Result<void> DirectoryWalk::walk_directory(const Directory& directory) {
  auto names = TRY(NameList::read(directory.fd, join(root_path_, directory.path)));
  std::vector<uint32_t> unlogged;
  if (directory.place == Place::database) unlogged = unlogged_relations(names);
  for (size_t i = 0; i < names.size(); ++i) {
    if (is_excluded(names[i])) continue;
    if (directory.place == Place::database && is_left_out_relation(names[i], unlogged)) continue;
    TRY(visit(directory, names[i]));
  }
  return {};
}

Result<void> DirectoryWalk::visit(const Directory& directory, std::string_view view) {
  std::string name(view);
  auto path = join(directory.path, name);
  if (path == "global/pg_control") return {};
  struct stat status {};
  if (fstatat(directory.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};  // dropped since it was listed (B11)
    return Error::from_errno(errno, fmt::format("reading {}/{}", root_path_, path));
  }
  if (directory.place == Place::tablespace_links) return visit_tablespace(directory, name, status);
  if (directory.place == Place::top && path == "pg_wal") return emit_empty_wal_directories();
  if (directory.place == Place::top && contains(kEmptied, name)) return emit_directory(path, directory_status(status));
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      return visit_directory(directory, name, status);
    case S_IFLNK:
      return visit_link(directory, name);
    case S_IFREG:
      return emit_file(std::move(path), status);
    default:
      break;
  }
  skip(path, "neither a file nor a directory");
  return {};
}

Result<void> DirectoryWalk::visit_directory(const Directory& parent, const std::string& name,
                                            const struct stat& status) {
  auto path = join(parent.path, name);
  TRY(emit_directory(path, status));
  if (is_tablespace_location(status)) return {};  // its files come under pg_tblspc
  auto fd = TRY(open_subdirectory(parent.fd, name, O_NOFOLLOW));
  if (!fd) return {};
  auto place = Place::other;
  if (parent.place == Place::databases && parse_oid(name)) place = Place::database;
  if (path == "base") place = Place::databases;
  if (path == "pg_tblspc") place = Place::tablespace_links;
  return walk_directory({*std::move(fd), std::move(path), place});
}

/// A link that is not a tablespace's. PostgreSQL's own base backup warns and leaves it out; where the server keeps
/// its data behind it that would be a backup that does not start.
Result<void> DirectoryWalk::visit_link(const Directory& parent, const std::string& name) {
  auto path = join(parent.path, name);
  if (parent.place == Place::top && name == "log") return emit_directory(path, directory_status(root_status_));
  struct stat behind {};
  bool leads_to_directory = fstatat(parent.fd.get(), name.c_str(), &behind, 0) == 0 && S_ISDIR(behind.st_mode);
  bool servers_own = path == "base" || path == "global" || path.starts_with("base/") || path.starts_with("global/") ||
                     path.starts_with("pg_");
  if (servers_own && (leads_to_directory || path.find('/') != std::string::npos)) {
    return Error(ErrorKind::refused,
                 fmt::format("{}/{} is a link to elsewhere, which a physical backup does not follow", root_path_, path))
        .with_hint("move the data back into the data directory, or use a tablespace");
  }
  auto target = read_link(parent.fd, name);
  skip(path, target ? "a link to " + *target : "a link");
  return {};
}

Result<void> DirectoryWalk::visit_tablespace(const Directory& links, const std::string& name,
                                             const struct stat& status) {
  auto path = join(links.path, name);
  bool link = S_ISLNK(status.st_mode);
  if (!parse_oid(name) || (!link && !S_ISDIR(status.st_mode))) {
    skip(path, "not a tablespace");
    return {};
  }
  if (link) {
    auto target = read_link(links.fd, name);
    if (!target && target.error().is(ErrorKind::not_found)) return {};
    if (!target) return std::move(target).error();
    DirectoryEntry entry{.path = path, .kind = EntryKind::symbolic_link, .status = status, .link_target = *target};
    TRY(visitor_.on_entry(entry));
  } else {
    TRY(emit_directory(path, status));
  }
  auto location = TRY(open_subdirectory(links.fd, name, 0));
  if (!location) return missing_location(links, name);
  return walk_tablespace({*std::move(location), path, Place::other});
}

/// The tablespace was dropped meanwhile, or its disk is not mounted.
Result<void> DirectoryWalk::missing_location(const Directory& links, const std::string& name) {
  auto target = read_link(links.fd, name);
  if (!target) return {};
  return Error(ErrorKind::not_found, fmt::format("tablespace {} points to {}, which does not exist", name, *target))
      .with_hint("mount its disk, or drop the tablespace");
}

/// Only this server's version directory is ours: another server may share the location (B10).
Result<void> DirectoryWalk::walk_tablespace(const Directory& tablespace) {
  struct stat status {};
  if (fstatat(tablespace.fd.get(), version_directory_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return Error::from_errno(errno, fmt::format("reading {}/{}", tablespace.path, version_directory_));
  }
  auto path = join(tablespace.path, version_directory_);
  TRY(emit_directory(path, status));
  auto fd = TRY(open_subdirectory(tablespace.fd, version_directory_, O_NOFOLLOW));
  if (!fd) return {};
  return walk_directory({*std::move(fd), std::move(path), Place::databases});
}

Result<void> DirectoryWalk::emit_file(std::string path, const struct stat& status) {
  auto relation = classify_relation_file(path);
  DirectoryEntry entry{.path = std::move(path),
                       .kind = EntryKind::file,
                       .role = relation.role,
                       .segment = relation.segment,
                       .status = status,
                       .link_target = {}};
  return visitor_.on_entry(entry);
}

Result<void> DirectoryWalk::emit_directory(std::string path, const struct stat& status) {
  return visitor_.on_entry(
      {.path = std::move(path), .kind = EntryKind::directory, .status = status, .link_target = {}});
}

Result<void> DirectoryWalk::emit_empty_wal_directories() {
  TRY(emit_directory("pg_wal", root_status_));
  TRY(emit_directory("pg_wal/archive_status", root_status_));
  if (major_version_ >= 17) TRY(emit_directory("pg_wal/summaries", root_status_));
  return {};
}

/// A link becomes a plain directory with the data directory's own owner and mode.
const struct stat& DirectoryWalk::directory_status(const struct stat& status) const {
  return S_ISDIR(status.st_mode) ? status : root_status_;
}

void DirectoryWalk::skip(const std::string& path, const std::string& why) {
  if (visitor_.on_skipped) visitor_.on_skipped(path, why);
}

bool DirectoryWalk::is_tablespace_location(const struct stat& status) const {
  return std::find(tablespace_locations_.begin(), tablespace_locations_.end(),
                   std::pair(status.st_dev, status.st_ino)) != tablespace_locations_.end();
}

}  // namespace spendsync::postgres
