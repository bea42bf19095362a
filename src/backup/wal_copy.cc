#include "backup/wal_copy.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "postgres/wal/segment_check.h"
#include "wal/segment_file.h"

namespace spendsync::backup {

namespace {

constexpr uint32_t kFileMode = 0600;

}  // namespace

std::vector<SegmentName> WalCopy::segments() const {
  std::vector<SegmentName> names;
  auto last = SegmentName::ending_at(settings_.start.timeline, settings_.stop.lsn, settings_.segment_size);
  for (auto name = SegmentName::containing(settings_.start.timeline, settings_.start.lsn, settings_.segment_size);
       name <= last; name = name.next()) {
    names.push_back(name);
  }
  return names;
}

Result<void> WalCopy::copy_local(FileCopier& copier, std::stop_token stop) {
  auto feed = [&](const FileCopier::Add& add) -> Result<void> {
    for (auto name : segments()) {
      CopyFile file;
      file.entry = entry_of(name.file_name(settings_.segment_size));
      file.name = settings_.data_directory + "/" + file.entry.path;
      file.expected_size = settings_.segment_size;
      file.open = [this, name] { return read_segment(name); };
      TRY(add(std::move(file)));
    }
    return {};
  };
  TRY(copier.run(feed, stop));
  return copy_history(copier);
}

/// A copy in memory: the server writes later WAL into the very file, under another name, as soon as the slot moves on.
/// So what was read is checked, not what lies there. not_found: it is gone, or holds other WAL already.
Result<Fd> WalCopy::read_segment(SegmentName name) {
  auto file_name = name.file_name(settings_.segment_size);
  auto content = wal::SegmentFile::read(settings_.data_directory + "/pg_wal/" + file_name, settings_.segment_size);
  if (!content && !content.error().is(ErrorKind::not_found)) return std::move(content).error();
  postgres::SegmentExpectation expected{name, settings_.segment_size, settings_.system_identifier,
                                        settings_.major_version};
  if (!content || !postgres::check_segment(content->content(), expected)) {
    std::lock_guard lock(mutex_);
    missing_.push_back(name);
    return Error(ErrorKind::not_found, file_name + " is no longer in pg_wal");
  }
  Fd copy(::memfd_create(file_name.c_str(), MFD_CLOEXEC));
  if (!copy) return Error::from_errno(errno, "no memory for " + file_name);
  TRY(write_all(copy, content->content(), file_name));
  return copy;
}

Result<void> WalCopy::copy_history(FileCopier& copier) {
  if (settings_.start.timeline.value <= 1) return {};
  auto entry = entry_of(settings_.start.timeline.to_hex() + ".history");
  auto content = read_file(settings_.data_directory + "/" + entry.path);
  history_missing_ = !content && content.error().is(ErrorKind::not_found);
  if (history_missing_) return {};
  if (!content) return std::move(content).error();
  return copier.add_content(std::move(entry), *content);
}

Result<void> WalCopy::copy_missing(FileCopier& copier, repository::WalArchive& archive, std::stop_token stop) {
  std::ranges::sort(missing_);
  for (auto name : missing_) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while copying WAL");
    auto file_name = name.file_name(settings_.segment_size);
    auto content = TRY_CONTEXT(archive.get_segment(name), "reading segment " + file_name + " back");
    TRY(copier.add_content(entry_of(file_name), content));
  }
  missing_.clear();
  if (!history_missing_) return {};
  auto content = TRY(archive.get_history(settings_.start.timeline));
  history_missing_ = false;
  return copier.add_content(entry_of(settings_.start.timeline.to_hex() + ".history"), as_bytes(content));
}

repository::FileEntry WalCopy::entry_of(const std::string& file_name) const {
  repository::FileEntry entry;
  entry.path = "pg_wal/" + file_name;
  entry.uid = settings_.uid;
  entry.gid = settings_.gid;
  entry.mode = kFileMode;
  return entry;
}

}  // namespace spendsync::backup
