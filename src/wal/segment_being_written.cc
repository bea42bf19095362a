#include "wal/segment_being_written.h"

#include "base/file.h"

namespace spendsync::wal {

bool is_being_written(const std::string& path, const postgres::SegmentExpectation& segment) {
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  const std::string marks = directory + "/archive_status";
  if (!exists(marks)) return false;  // not in a pg_wal
  const std::string mark = marks + "/" + segment.name.file_name(segment.segment_size);
  if (exists(mark + ".ready") || exists(mark + ".done")) return false;
  const SegmentName next{segment.name.timeline, segment.name.number + 1};
  auto file = open_file(directory + "/" + next.file_name(segment.segment_size), O_RDONLY);
  if (!file) return file.error().is(ErrorKind::not_found);
  constexpr size_t kHeaderBytes = 64;  // a long page header has 40
  Bytes header(kHeaderBytes);
  auto size = read_at(*file, 0, header, path);
  if (!size) return false;
  auto parsed = postgres::read_segment_header(ByteView(header).first(*size));
  return !parsed || parsed->address != next.start(segment.segment_size);
}

}  // namespace spendsync::wal
