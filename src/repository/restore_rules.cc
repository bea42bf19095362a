#include "repository/restore_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::repository {

namespace {

constexpr std::string_view kControlFile = "global/pg_control";

bool is_below_root(const FileEntry& entry) { return std::ranges::count(entry.path, '/') > 1; }

FileEntry without_content(const FileEntry& entry) {
  FileEntry copy;
  copy.set = entry.set;
  copy.kind = entry.kind;
  copy.path = entry.path;
  copy.link_target = entry.link_target;
  return copy;
}

}  // namespace

Result<void> RestoreRules::add(const FileEntry& entry) {
  if (entry.set != 0) return add_captured(entry);
  if (auto oid = tablespace_of(entry.path)) {
    TRY(check_path(entry));
    in_tablespaces_.try_emplace({*oid, entry.kind, is_below_root(entry)}, without_content(entry));
    return ok();
  }
  TRY(without_tablespaces_.place(entry));
  if (entry.path != kControlFile) return ok();
  if (++control_files_ > 1) return Error(ErrorKind::corrupt, "the backup names global/pg_control twice");
  if (entry.size <= kControlFileMax) return ok();
  return Error(ErrorKind::corrupt, fmt::format("the backup's pg_control has {} bytes", entry.size));
}

Result<void> RestoreRules::add_captured(const FileEntry& entry) {
  TRY(check_path(entry));
  sets_.try_emplace(entry.set, entry.path);
  if (entry.kind != FileKind::hard_link) return ok();
  auto target = without_content(entry);
  target.path = entry.link_target;
  return check_path(target);
}

Result<void> RestoreRules::finish(const ManifestSummary& summary, const std::string& backup_label,
                                  const std::string& tablespace_map) const {
  ClusterPlacement placement(summary);
  for (const auto& [shape, entry] : in_tablespaces_) TRY(placement.place(entry));
  std::set<uint32_t> named;
  for (const auto& set : summary.captured_sets) {
    TRY(captured_set_directory(set));
    named.insert(set.number);
  }
  for (const auto& [number, path] : sets_) {
    if (named.contains(number)) continue;
    return Error(
        ErrorKind::corrupt,
        fmt::format("the backup's entry {} belongs to a set {} that its manifest does not name", path, number));
  }
  if (backup_label.empty()) return Error(ErrorKind::corrupt, "the manifest holds no backup_label");
  if (placement.tablespaces().empty() != tablespace_map.empty()) {
    return Error(ErrorKind::corrupt, "tablespace_map and the manifest's tablespaces disagree");
  }
  if (control_files_ == 1) return ok();
  return Error(ErrorKind::corrupt, "the backup holds no global/pg_control");
}

}  // namespace spendsync::repository
