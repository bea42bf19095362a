#include "repository/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace spendsync::repository {

namespace {

constexpr std::string_view kTablespaces = "pg_tblspc";
constexpr std::string_view kWal = "pg_wal";
constexpr size_t kComponentMax = 255;  // NAME_MAX

/// What a server leaves behind or the restore writes itself (basebackup.c, excludeFiles; manual, "Continuous
/// Archiving": signal files of the source say nothing about the copy).
constexpr std::array kSkipped{"recovery.signal", "standby.signal",   "postmaster.pid",     "postmaster.opts",
                              "backup_manifest", "backup_label.old", "tablespace_map.old", "postgresql.auto.conf.tmp",
                              kWalPlanFile,      kUnfinishedMarker,  kInPlaceFile,         kFinishedFile};
/// These come from the manifest, byte for byte.
constexpr std::array kOwnNames{"backup_label", "tablespace_map"};

Error refused(const FileEntry& entry, std::string_view why) {
  return Error(ErrorKind::corrupt, fmt::format("the backup's entry {} is refused: {}", entry.path, why));
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

std::optional<uint32_t> parse_oid(std::string_view text) {
  uint32_t oid = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), oid);
  if (error != std::errc() || end != text.data() + text.size() || oid == 0 || text.front() == '0') return std::nullopt;
  return oid;
}

}  // namespace

Result<void> check_path(const FileEntry& entry) {
  std::string_view rest = entry.path;
  if (rest.empty()) return refused(entry, "it has no path");
  if (rest.find('\0') != std::string_view::npos) return refused(entry, "its path holds a NUL");
  while (true) {
    auto slash = rest.find('/');
    auto component = rest.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return refused(entry, "its path leads elsewhere");
    if (component.size() > kComponentMax) return refused(entry, "a name in its path is too long");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

ClusterPlacement::ClusterPlacement(const ManifestSummary& summary) {
  for (const auto& tablespace : summary.tablespaces) {
    (tablespace.location.empty() ? in_place_ : outside_).emplace(tablespace.oid, tablespace.location);
  }
}

Result<Placement> ClusterPlacement::place(const FileEntry& entry) const {
  TRY(check_path(entry));
  if (entry.kind == FileKind::hard_link) return refused(entry, "a data directory has no hard links");
  if (std::ranges::find(kSkipped, entry.path) != kSkipped.end()) return Placement{};
  if (std::ranges::find(kOwnNames, entry.path) != kOwnNames.end()) return refused(entry, "the restore makes it itself");
  if (is_below(entry.path, kTablespaces)) return below_tablespaces(entry);
  if (entry.kind == FileKind::symbolic_link) return refused(entry, "only tablespaces are links");
  if (entry.kind == FileKind::directory) return Placement{Placement::Action::directory, 0, entry.path};
  if (entry.path == "global/pg_control") return Placement{Placement::Action::control_file, 0, entry.path};
  if (is_below(entry.path, kWal)) {
    std::string_view name = std::string_view(entry.path).substr(kWal.size() + 1);
    auto kind = classify_wal_file(name);
    if (kind != WalFileKind::segment && kind != WalFileKind::history) return refused(entry, "it is no WAL");
    return Placement{Placement::Action::wal, 0, entry.path};
  }
  return Placement{Placement::Action::file, 0, entry.path};
}

Result<Placement> ClusterPlacement::below_tablespaces(const FileEntry& entry) const {
  std::string_view rest = std::string_view(entry.path).substr(kTablespaces.size() + 1);
  auto slash = rest.find('/');
  auto oid = tablespace_of(entry.path);
  if (!oid) return refused(entry, "it belongs to no tablespace");
  bool outside = outside_.contains(*oid);
  if (!outside && !in_place_.contains(*oid)) return refused(entry, "the manifest does not know its tablespace");
  if (slash == std::string_view::npos) {
    if (entry.kind == FileKind::file) return refused(entry, "a tablespace is no file");
    if (outside) return Placement{Placement::Action::tablespace, *oid, entry.path};
    if (entry.kind == FileKind::symbolic_link) return refused(entry, "the manifest says that it lies in place");
    return Placement{Placement::Action::directory, 0, entry.path};
  }
  if (entry.kind == FileKind::symbolic_link) return refused(entry, "only tablespaces are links");
  auto action = entry.kind == FileKind::directory ? Placement::Action::directory : Placement::Action::file;
  if (!outside) return Placement{action, 0, entry.path};
  return Placement{action, *oid, std::string(rest.substr(slash + 1))};
}

std::optional<uint32_t> tablespace_of(std::string_view path) {
  if (!is_below(path, kTablespaces)) return std::nullopt;
  auto rest = path.substr(kTablespaces.size() + 1);
  return parse_oid(rest.substr(0, rest.find('/')));
}

Result<std::string> captured_set_directory(const CapturedSet& set) {
  bool plain = !set.name.empty() && set.name.size() <= kComponentMax && set.name.front() != '.' &&
               std::ranges::none_of(set.name, [](char c) { return c == '/' || c == '\0'; });
  if (!plain) return Error(ErrorKind::corrupt, fmt::format("\"{}\" cannot be the name of captured files", set.name));
  return set.name;
}

}  // namespace spendsync::repository
