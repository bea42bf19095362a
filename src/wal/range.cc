#include "wal/range.h"

#include <fmt/format.h>

#include <algorithm>

#include "postgres/wal/commit_scanner.h"

namespace spendsync::wal {

std::vector<SegmentName> joined_segments(const WalPath& path, const std::vector<repository::WalRange>& ranges) {
  std::vector<SegmentName> names;
  for (const SegmentRun& run : segments_of(ranges, path.segment_size())) {
    for (SegmentName name = run.first; name <= run.last; name = name.next()) {
      if (names.empty() && name.number > 0) names.push_back(path.at(name.number - 1));
      names.push_back(name);
    }
  }
  return names;
}

Result<std::vector<SegmentRun>> missing_segments(repository::WalArchive& archive,
                                                 const std::vector<repository::WalRange>& ranges,
                                                 uint32_t segment_size) {
  std::vector<SegmentRun> missing;
  for (const SegmentRun& run : segments_of(ranges, segment_size)) {
    auto stored = TRY(archive.segments_between(run.first, run.last));
    SegmentName next = run.first;
    for (const auto& range : stored) {
      if (range.last.number < next.number || range.first.number > run.last.number) continue;
      if (next.number < range.first.number) missing.push_back({next, {next.timeline, range.first.number - 1}});
      next.number = range.last.number + 1;
    }
    if (next.number <= run.last.number) missing.push_back({next, run.last});
  }
  return missing;
}

Result<StoredWal> measure_stored(repository::WalArchive& archive, const std::vector<repository::WalRange>& ranges,
                                 uint32_t segment_size) {
  StoredWal stored;
  for (const SegmentRun& run : segments_of(ranges, segment_size)) {
    auto found = TRY(archive.segments_between(run.first, run.last));
    for (const auto& range : found) {
      stored.segments += range.count();
      stored.stored_bytes += range.stored_bytes;
    }
  }
  return stored;
}

namespace {

/// Reads a range's segments in any place, and commits out of consecutive ones.
class CommitFinder {
 public:
  CommitFinder(repository::WalArchive& archive, const std::vector<repository::WalRange>& ranges, WalFormat format,
               std::stop_token stop)
      : archive_(archive),
        format_(format),
        stop_(stop),
        runs_(segments_of(ranges, format.segment_size)),
        from_(ranges.front().from),
        until_(ranges.back().to) {
    for (const SegmentRun& run : runs_) count_ += run.count();
  }

  Result<CommitSpan> find() {
    CommitSpan span;
    if (count_ == 0) return span;
    span.first = TRY(find_first());
    if (!span.first) return span;
    span.last = TRY(find_last());
    return span;
  }

 private:
  using Point = std::optional<repository::CommitPoint>;

  SegmentName segment(uint64_t index) const {
    for (const SegmentRun& run : runs_) {
      if (index < run.count()) return {run.first.timeline, run.first.number + index};
      index -= run.count();
    }
    return runs_.back().last;
  }

  Result<Point> find_first() {
    postgres::CommitScanner scanner({format_.segment_size, format_.major_version});
    Point first;
    for (uint64_t index = 0; index < count_ && !first; ++index) {
      TRY(scan(scanner, index, [&](const repository::CommitPoint& commit) {
        if (!first) first = commit;
      }));
    }
    return first;
  }

  /// Starts where a commit is known to be and reads on to the end, so that every record after it is seen whole.
  Result<Point> find_last() {
    uint64_t index = count_ - 1;
    for (; index > 0; --index) {
      if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
      auto meta = TRY(archive_.read_meta(segment(index)));
      bool knows = meta.summary.records != 0;
      if (!knows || (meta.summary.last_commit && meta.summary.last_commit->lsn <= until_)) break;
    }
    while (true) {
      Point last = TRY(find_last_from(index));
      if (last || index == 0) return last;
      --index;
    }
  }

  Result<Point> find_last_from(uint64_t begin) {
    postgres::CommitScanner scanner({format_.segment_size, format_.major_version});
    Point last;
    for (uint64_t index = begin; index < count_; ++index) {
      TRY(scan(scanner, index, [&](const repository::CommitPoint& commit) { last = commit; }));
    }
    return last;
  }

  template <class Visit>
  Result<void> scan(postgres::CommitScanner& scanner, uint64_t index, const Visit& visit) {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    SegmentName name = segment(index);
    Bytes content = TRY(archive_.get_segment(name));
    TRY(scanner.feed(name, content, [&](const postgres::WalEvent& event) -> Result<void> {
      bool inside = event.end > from_ && event.end <= until_;
      if (event.kind == postgres::WalEvent::Kind::commit && inside)
        visit(repository::CommitPoint{event.time, event.end});
      return {};
    }));
    if (!scanner.reader().at_end() || scanner.reader().end_position() >= until_) return {};
    return Error(ErrorKind::corrupt, fmt::format("the stored WAL segment {} ends before it should: {}",
                                                 name.file_name(format_.segment_size), scanner.reader().end_reason()));
  }

  repository::WalArchive& archive_;
  const WalFormat format_;
  const std::stop_token stop_;
  const std::vector<SegmentRun> runs_;
  const Lsn from_;
  const Lsn until_;
  uint64_t count_ = 0;
};

}  // namespace

Result<CommitSpan> find_commits(repository::WalArchive& archive, const std::vector<repository::WalRange>& ranges,
                                WalFormat format, std::stop_token stop) {
  CHECK(!ranges.empty());
  return CommitFinder(archive, ranges, format, stop).find();
}

}  // namespace spendsync::wal
