#include "backup/wal_copy.h"

#include <sys/stat.h>

#include <cerrno>

#include "postgres/wal/segment_check.h"

namespace spendsync::backup {

namespace {

constexpr size_t kWalPageSize = 8192;  // of the first page no more than the header is looked at
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
      auto opened = TRY(open_segment(name));
      if (!opened) {
        missing_.push_back(name);
        continue;
      }
      CopyFile file;
      file.entry = entry_of(name.file_name(settings_.segment_size));
      file.name = settings_.data_directory + "/" + file.entry.path;
      file.expected_size = settings_.segment_size;
      // The open file keeps its content even if the server removes its name.
      file.open = [fd = std::make_shared<Fd>(std::move(*opened))]() -> Result<Fd> { return std::move(*fd); };
      TRY(add(std::move(file)));
    }
    return {};
  };
  TRY(copier.run(feed, stop));
  return copy_history(copier);
}

/// Empty: gone, or the file of that name is already prepared for later WAL.
Result<std::optional<Fd>> WalCopy::open_segment(SegmentName name) const {
  auto path = settings_.data_directory + "/pg_wal/" + name.file_name(settings_.segment_size);
  auto fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd && fd.error().is(ErrorKind::not_found)) return std::optional<Fd>();
  if (!fd) return std::move(fd).error();
  struct stat status {};
  if (fstat(fd->get(), &status) != 0) return Error::from_errno(errno, "cannot look at " + path);
  if (static_cast<uint64_t>(status.st_size) != settings_.segment_size) return std::optional<Fd>();
  Bytes page(kWalPageSize);
  TRY(read_at(*fd, 0, page, path));
  auto header = postgres::read_segment_header(page);
  bool as_named = header && header->address == name.start(settings_.segment_size) &&
                  header->system_identifier == settings_.system_identifier;
  if (!as_named) return std::optional<Fd>();
  return std::optional<Fd>(std::move(*fd));
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
