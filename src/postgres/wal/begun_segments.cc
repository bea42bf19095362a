#include "postgres/wal/begun_segments.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "postgres/wal/segment_check.h"
#include "postgres/wal/timeline_history.h"

namespace spendsync::postgres {

namespace {

constexpr size_t kHeaderBytes = 64;           // a long page header has 40
constexpr size_t kHistoryFileMax = 1u << 20;  // a few lines
constexpr size_t kSegmentNameSize = 24;       // digits

std::optional<TimelineHistory> history_in(const std::string& wal_directory, TimelineId timeline) {
  auto text = read_text_file(wal_directory + "/" + timeline.to_hex() + ".history", kHistoryFileMax);
  if (!text) return std::nullopt;
  auto history = parse_timeline_history(timeline, *text);
  if (!history) return std::nullopt;
  return *std::move(history);
}

/// The segment in which a timeline forked off begins with a copy of the older one's (xlog.c, XLogInitNewTimeline).
bool fits(const std::string& wal_directory, uint32_t segment_size, TimelineId in_header, SegmentName name) {
  if (in_header >= name.timeline) return in_header == name.timeline;
  auto history = history_in(wal_directory, name.timeline);
  if (!history) return false;
  Lsn fork = history->entries.back().begin;
  return fork > name.start(segment_size) && fork <= name.end(segment_size);
}

}  // namespace

Result<std::vector<SegmentName>> begun_segments(const std::string& wal_directory, uint32_t segment_size,
                                                SystemIdentifier system_identifier) {
  auto names = TRY(list_directory(wal_directory));
  std::vector<SegmentName> segments;
  for (const auto& file_name : names) {
    if (file_name.size() != kSegmentNameSize) continue;
    auto name = SegmentName::parse(file_name, segment_size);
    if (!name) continue;
    auto file = open_file(wal_directory + "/" + file_name, O_RDONLY | O_NONBLOCK);
    if (!file && file.error().is(ErrorKind::not_found)) continue;
    if (!file) return std::move(file).error();
    Bytes bytes(kHeaderBytes);
    size_t size = TRY(read_at(*file, 0, bytes, file_name));
    auto header = read_segment_header(ByteView(bytes).first(size));
    bool begun = header && header->system_identifier == system_identifier &&
                 header->address == name->start(segment_size) &&
                 fits(wal_directory, segment_size, header->timeline, *name);
    if (begun) segments.push_back(*name);
  }
  std::ranges::sort(segments);
  return segments;
}

bool is_superseded(const std::string& wal_directory, uint32_t segment_size, SegmentName segment,
                   const std::vector<SegmentName>& segments) {
  return std::ranges::any_of(segments, [&](SegmentName other) {
    if (other.number != segment.number || other.timeline <= segment.timeline) return false;
    auto history = history_in(wal_directory, other.timeline);
    auto left = history ? history->left_at(segment.timeline) : std::nullopt;
    return left && *left <= segment.end(segment_size);
  });
}

}  // namespace spendsync::postgres
