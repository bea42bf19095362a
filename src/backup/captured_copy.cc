#include "backup/captured_copy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spendsync::backup {

using repository::FileEntry;
using repository::FileKind;

namespace {

std::string without_slash(const std::string& path) { return path.substr(1); }

FileKind kind_of(CapturedEntry::Kind kind) {
  switch (kind) {
    case CapturedEntry::Kind::directory:
      return FileKind::directory;
    case CapturedEntry::Kind::file:
      return FileKind::file;
    case CapturedEntry::Kind::symbolic_link:
      return FileKind::symbolic_link;
    case CapturedEntry::Kind::hard_link:
      return FileKind::hard_link;
  }
  return FileKind::file;
}

FileEntry entry_of(const CapturedEntry& found, OwnerNames& names) {
  FileEntry entry;
  entry.set = static_cast<uint32_t>(found.set + 1);
  entry.path = without_slash(found.path);
  entry.kind = kind_of(found.kind);
  entry.uid = found.status.st_uid;
  entry.gid = found.status.st_gid;
  entry.owner = names.user(found.status.st_uid);
  entry.group = names.group(found.status.st_gid);
  entry.mode = found.status.st_mode & 07777u;
  entry.mtime_ns = int64_t{found.status.st_mtim.tv_sec} * 1'000'000'000 + found.status.st_mtim.tv_nsec;
  if (found.kind == CapturedEntry::Kind::symbolic_link) entry.link_target = found.target;
  if (found.kind == CapturedEntry::Kind::hard_link) entry.link_target = without_slash(found.target);
  return entry;
}

}  // namespace

void ProblemList::add(const std::string& path, const std::string& why) {
  if (kept_.contains(path)) return;
  ++total_;
  if (kept_.size() < kKept) kept_.emplace(path, why);
}

std::vector<std::string> ProblemList::lines() const {
  std::vector<std::string> lines;
  for (const auto& [path, why] : kept_) lines.push_back(path + ": " + why);
  if (total_ > kept_.size()) lines.push_back(fmt::format("and {} more", total_ - kept_.size()));
  return lines;
}

Result<CaptureCheck> check_captured(const CapturedFiles& files, std::stop_token stop) {
  CaptureCheck check;
  for (const auto& problem : files.unreachable()) check.unreadable.add(problem.path, problem.why);
  auto visit = [&](const CapturedEntry& entry) -> Result<void> {
    if (entry.kind != CapturedEntry::Kind::file) return {};
    auto opened = files.open_file(entry);
    if (opened) {
      ++check.files;
      check.bytes += static_cast<uint64_t>(entry.status.st_size);
    } else if (!opened.error().is(ErrorKind::not_found) && !opened.error().is(ErrorKind::refused)) {
      check.unreadable.add(entry.path, opened.error().message());
    }
    return {};
  };
  CapturedFiles::Notices notices{
      [&](const CapturedFiles::Problem& problem) { check.unreadable.add(problem.path, problem.why); },
      [&](const CapturedFiles::Problem& problem) { check.skipped.add(problem.path, problem.why); }};
  TRY(files.walk(visit, notices, stop));
  return check;
}

Result<void> expect_readable(const CaptureCheck& check) {
  if (check.unreadable.empty()) return {};
  auto lines = check.unreadable.lines();
  return Error(ErrorKind::refused,
               fmt::format("{} captured {} cannot be read: {}", check.unreadable.total(),
                           check.unreadable.total() == 1 ? "path" : "paths", fmt::join(lines, "; ")))
      .with_hint(
          "run as root, grant the right to read, or take it out of `files`; --skip-unreadable makes a backup "
          "without it, listed as incomplete");
}

Result<void> feed_captured(const CapturedFiles& files, repository::BackupRun& run, const FileCopier::Add& add,
                           ProblemList& unreadable, std::stop_token stop) {
  OwnerNames names;
  for (const auto& problem : files.unreachable()) unreadable.add(problem.path, problem.why);
  auto visit = [&](const CapturedEntry& found) -> Result<void> {
    auto entry = entry_of(found, names);
    auto attributes = files.attributes(found);
    if (attributes) {
      entry.attributes = std::move(*attributes);
    } else if (!attributes.error().is(ErrorKind::not_found) && !attributes.error().is(ErrorKind::refused)) {
      unreadable.add(found.path, attributes.error().message());
    }
    if (found.kind != CapturedEntry::Kind::file) return run.add_file(std::move(entry));
    CopyFile file;
    file.entry = std::move(entry);
    file.name = found.path;
    file.expected_size = static_cast<uint64_t>(found.status.st_size);
    file.captured = true;
    file.open = [&files, found] { return files.open_file(found); };
    return add(std::move(file));
  };
  CapturedFiles::Notices notices{
      [&](const CapturedFiles::Problem& problem) { unreadable.add(problem.path, problem.why); }, {}};
  return files.walk(visit, notices, stop);
}

}  // namespace spendsync::backup
