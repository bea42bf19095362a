#include "wal/archive_backlog.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/time.h"

namespace spendsync::wal {

namespace {

constexpr std::string_view kReady = ".ready";

int64_t mtime_us(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1'000'000 + status.st_mtim.tv_nsec / 1000;
}

}  // namespace

Result<uint64_t> stop_archiving_from(const std::string& wal_directory, SegmentName first, uint32_t segment_size) {
  auto status = wal_directory + "/archive_status";
  auto names = TRY(list_directory(status));
  uint64_t count = 0;
  for (const auto& name : names) {
    if (!name.ends_with(kReady)) continue;
    auto file_name = name.substr(0, name.size() - kReady.size());
    auto segment = SegmentName::parse(file_name, segment_size);
    if (!segment || segment->timeline != first.timeline || segment->number < first.number) continue;
    if (::rename((status + "/" + name).c_str(), (status + "/" + file_name + ".done").c_str()) != 0) {
      return Error::from_errno(errno, "cannot rename " + status + "/" + name);
    }
    ++count;
  }
  TRY(sync_directory(status));
  return count;
}

Result<ArchiveBacklog> read_archive_backlog(const std::string& wal_directory) {
  auto names = TRY(list_directory(wal_directory + "/archive_status"));
  ArchiveBacklog backlog;
  uint64_t segment_size = 0;  // all are of one size
  int64_t oldest = INT64_MAX;
  int64_t newest = INT64_MIN;
  for (const auto& name : names) {
    if (!name.ends_with(kReady)) continue;
    if (classify_wal_file(name.substr(0, name.size() - kReady.size())) != WalFileKind::segment) continue;
    struct stat status {};
    struct stat segment {};
    auto segment_path = wal_directory + "/" + name.substr(0, name.size() - kReady.size());
    bool there = ::stat((wal_directory + "/archive_status/" + name).c_str(), &status) == 0 &&
                 ::stat(segment_path.c_str(), &segment) == 0;
    if (!there) continue;  // archived a moment ago
    ++backlog.segments;
    segment_size = static_cast<uint64_t>(segment.st_size);
    backlog.bytes += segment_size;
    oldest = std::min(oldest, mtime_us(status));
    newest = std::max(newest, mtime_us(status));
  }
  struct statvfs room {};
  if (::statvfs(wal_directory.c_str(), &room) != 0) return Error::from_errno(errno, "cannot look at " + wal_directory);
  backlog.free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  if (backlog.segments >= 2 && newest > oldest) {
    // The first of them marks where the measurement begins.
    double bytes_per_us = static_cast<double>(backlog.bytes - segment_size) / static_cast<double>(newest - oldest);
    double seconds = static_cast<double>(backlog.free_bytes) / bytes_per_us / 1e6;
    constexpr double kLongest = 100.0 * 365 * 86400;
    backlog.until_full = std::chrono::seconds(static_cast<int64_t>(std::min(seconds, kLongest)));
  }
  return backlog;
}

std::string ArchiveBacklog::describe() const {
  auto text = fmt::format("{} segment{} in pg_wal ({}), which has {} free", segments,
                          segments == 1 ? " waits" : "s wait", format_bytes(bytes), format_bytes(free_bytes));
  if (until_full) text += ": full in about " + format_duration(*until_full);
  return text;
}

}  // namespace spendsync::wal
