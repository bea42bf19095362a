#include "wal/changes/path_record_search.h"

#include <fmt/format.h>

#include "postgres/wal/segment_check.h"
#include "wal/segment_file.h"

namespace spendsync::wal {

Result<std::optional<postgres::PathRecord>> PathRecordSearch::look(Lsn until, std::stop_token stop) {
  TRY(read(until, nullptr, stop));
  return found_;
}

Result<std::optional<postgres::PathRecord>> PathRecordSearch::prove(repository::WalArchive& archive, Lsn until,
                                                                    std::stop_token stop) {
  TRY(read(until, &archive, stop));
  return found_;
}

/// Begins anew in the segment of the first record that was not seen: the reader skips the end of one that began before.
Result<void> PathRecordSearch::read(Lsn until, repository::WalArchive* archive, std::stop_token stop) {
  postgres::WalRecordReader reader({settings_.segment_size, settings_.major_version});
  auto name = SegmentName::containing(settings_.start.timeline, position_, settings_.segment_size);
  for (; !found_ && position_ < until; name = name.next()) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while looking through the backup's WAL");
    auto file_name = name.file_name(settings_.segment_size);
    if (archive != nullptr && name.start(settings_.segment_size) >= until) {
      return Error(ErrorKind::corrupt, fmt::format("the backup's WAL ends at {}, before its stop at {}",
                                                   position_.to_string(), until.to_string()));
    }
    bool there = TRY(feed(name, archive, reader));
    if (!there) return {};
    auto seen = reader.next_record().value != 0 ? reader.next_record() : reader.end_of_records();
    position_ = std::max(position_, seen);
    if (!reader.at_end()) continue;
    if (archive == nullptr || position_ >= until) return {};
    return Error(ErrorKind::corrupt,
                 fmt::format("the backup's WAL cannot be read: segment {} ends {}", file_name, reader.end_reason()));
  }
  return {};
}

/// False: it is not in pg_wal, and there is no archive to ask.
Result<bool> PathRecordSearch::feed(SegmentName name, repository::WalArchive* archive,
                                    postgres::WalRecordReader& reader) {
  auto visit = [&](const postgres::WalRecord& record) -> Result<void> {
    if (found_ || record.start < settings_.start.lsn) return {};
    found_ = TRY(postgres::path_record_of(record, settings_.major_version, scratch_));
    return {};
  };
  auto file_name = name.file_name(settings_.segment_size);
  auto file = SegmentFile::read(settings_.wal_directory + "/" + file_name, settings_.segment_size);
  postgres::SegmentExpectation expected{name, settings_.segment_size, settings_.system_identifier,
                                        settings_.major_version};
  if (file && postgres::check_segment_beginning(file->content(), expected)) {
    TRY(reader.feed(name, file->content(), visit));
    return true;
  }
  if (archive == nullptr) return false;
  auto content = TRY_CONTEXT(archive->get_segment(name), "looking through the backup's WAL");
  TRY(reader.feed(name, content, visit));
  return true;
}

}  // namespace spendsync::wal
