#include "wal/path.h"

#include <fmt/format.h>

#include <algorithm>

namespace spendsync::wal {

Result<WalPath> WalPath::load(repository::WalArchive& archive, TimelineId timeline, uint32_t segment_size) {
  if (timeline.value == 1) return WalPath(postgres::initial_history(timeline), segment_size);
  std::string text = TRY(archive.get_history(timeline));
  auto history = TRY(postgres::parse_timeline_history(timeline, text));
  return WalPath(std::move(history), segment_size);
}

SegmentName WalPath::at(uint64_t number) const {
  TimelineId timeline = history_.entries.front().timeline;
  for (const auto& entry : history_.entries) {
    if (entry.begin.value / segment_size_ <= number) timeline = entry.timeline;
  }
  return {timeline, number};
}

std::vector<SegmentRun> WalPath::runs(uint64_t first, uint64_t last) const {
  std::vector<SegmentRun> result;
  for (uint64_t number = first; number <= last;) {
    SegmentName name = at(number);
    uint64_t end = last;  // or the last one before a newer timeline begins
    for (const auto& entry : history_.entries) {
      uint64_t begin = entry.begin.value / segment_size_;
      if (entry.timeline > name.timeline && begin > number) end = std::min(end, begin - 1);
    }
    result.push_back({name, {name.timeline, end}});
    number = end + 1;
  }
  return result;
}

Result<std::vector<repository::WalRange>> WalPath::ranges(WalPosition from, Lsn until) const {
  if (!contains(from) || until < from.lsn) {
    return Error(ErrorKind::refused,
                 fmt::format("{} on timeline {} does not lead to {} on timeline {}", from.lsn.to_string(),
                             from.timeline.value, until.to_string(), timeline().value));
  }
  auto ranges = ranges_since(from, until);
  if (ranges.empty()) ranges.push_back({history_.timeline_at(until), until, until});
  return ranges;
}

std::vector<repository::WalRange> WalPath::ranges_since(WalPosition from, Lsn until) const {
  std::vector<repository::WalRange> ranges;
  for (const auto& entry : history_.entries) {
    if (entry.timeline < from.timeline) continue;
    Lsn begin = entry.timeline == from.timeline ? std::max(entry.begin, from.lsn) : entry.begin;
    Lsn end = entry.end ? std::min(*entry.end, until) : until;
    if (begin < end) ranges.push_back({entry.timeline, begin, end});
  }
  return ranges;
}

std::vector<SegmentRun> segments_of(const std::vector<repository::WalRange>& ranges, uint32_t segment_size) {
  std::vector<SegmentRun> runs;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const auto& range = ranges[i];
    if (range.from == range.to) continue;
    bool goes_on = i + 1 < ranges.size();
    SegmentName first = SegmentName::containing(range.timeline, range.from, segment_size);
    SegmentName end = goes_on ? SegmentName::containing(range.timeline, range.to, segment_size)
                              : SegmentName::ending_at(range.timeline, range.to, segment_size).next();
    if (first.number < end.number) runs.push_back({first, {range.timeline, end.number - 1}});
  }
  return runs;
}

}  // namespace spendsync::wal
