#include "wal/coverage.h"

#include <fmt/format.h>

#include <algorithm>

#include "wal/unsaved.h"

namespace spendsync::wal {

using postgres::TimelineHistory;
using postgres::WalEvent;
using repository::CommitPoint;
using repository::StoredRun;
using repository::WalSegmentSummary;

namespace {

const StoredRun* range_with(const WalInventory& inventory, SegmentName name) {
  auto timeline = inventory.segments.find(name.timeline);
  if (timeline == inventory.segments.end()) return nullptr;
  for (const auto& range : timeline->second) {
    if (range.first.number <= name.number && name.number <= range.last.number) return &range;
  }
  return nullptr;
}

const PartialSegment* partial_with(const WalInventory& inventory, SegmentName name) {
  auto found = inventory.partials.find(name.timeline);
  return found == inventory.partials.end() || found->second.name != name ? nullptr : &found->second;
}

/// A segment, or what there is of one.
Result<Bytes> content_of(repository::WalArchive& archive, const WalInventory& inventory, SegmentName name) {
  auto unsaved = read_unsaved(inventory.unsaved, name, inventory.segment_size);
  if (unsaved) return *std::move(unsaved);
  if (partial_with(inventory, name) == nullptr) return archive.get_segment(name);
  return get_partial_or_whole(archive, name, inventory.segment_size);
}

struct Scanned {
  WalSegmentSummary summary;
  Lsn end;
};
Result<Scanned> scan_segment(const WalInventory& inventory, SegmentName name, ByteView content) {
  Scanned result;
  auto& summary = result.summary;
  postgres::CommitScanner scanner({.segment_size = inventory.segment_size, .major_version = inventory.major_version});
  TRY(scanner.feed(name, content, [&](const WalEvent& event) -> Result<void> {
    if (event.kind != WalEvent::Kind::commit) return {};
    summary.add({event.time, event.end});
    return {};
  }));
  summary.records = scanner.records();
  result.end = scanner.end_of_records();
  return result;
}

/// The summary of a segment whose writer did not count.
Result<WalSegmentSummary> summarize(repository::WalArchive& archive, const WalInventory& inventory, SegmentName name) {
  auto content = TRY(content_of(archive, inventory, name));
  auto scanned = TRY(scan_segment(inventory, name, content));
  return scanned.summary;
}

/// A timeline goes on in the segment after its last whole one; without any, in the one in which it began.
Result<void> add_partial(repository::WalArchive& archive, WalInventory& inventory, TimelineId timeline) {
  SegmentName name{timeline, 0};
  auto ranges = inventory.segments.find(timeline);
  auto history = inventory.histories.find(timeline);
  if (ranges != inventory.segments.end() && !ranges->second.empty()) {
    name.number = ranges->second.back().last.number + 1;
  } else if (history != inventory.histories.end()) {
    name.number = history->second.entries.back().begin.value / inventory.segment_size;
  } else {
    return {};
  }
  auto file = name.file_name(inventory.segment_size) + ".partial";
  auto content = archive.get_file(file);
  if (!content && content.error().is(ErrorKind::not_found)) return {};
  if (!content && content.error().is(ErrorKind::corrupt)) {
    inventory.warnings.push_back(fmt::format("{} is damaged and was passed over: {}", file, content.error().message()));
    return {};
  }
  if (!content) return std::move(content).error();
  auto scanned = TRY(scan_segment(inventory, name, *content));
  if (scanned.end <= name.start(inventory.segment_size)) return {};  // not one whole record
  inventory.partials.emplace(timeline, PartialSegment{name, scanned.end, scanned.summary});
  return {};
}

/// The segment in which the server writes ends with its last whole record. One of which nothing can be read ends
/// nothing.
void add_newest(WalInventory& inventory, SegmentName name) {
  auto content = read_unsaved(inventory.unsaved, name, inventory.segment_size);
  auto scanned = content ? scan_segment(inventory, name, *content) : Result<Scanned>(Scanned{});
  auto saved = inventory.partials.find(name.timeline);
  bool further = scanned && scanned->end > name.start(inventory.segment_size) &&
                 (saved == inventory.partials.end() || saved->second.end < scanned->end);
  if (further) {
    inventory.partials.insert_or_assign(name.timeline, PartialSegment{name, scanned->end, scanned->summary});
  } else {
    inventory.unsaved.erase(name);
  }
}

/// Within a timeline, whoever stores a segment looks at the one before it. A fork is taken as it comes: a server that
/// had been put back to an earlier state goes on with a timeline of its own, and what is stored of the parent's WAL is
/// then not what led to it.
Result<void> find_broken_forks(repository::WalArchive& archive, WalInventory& inventory, std::stop_token stop) {
  for (const auto& [timeline, history] : inventory.histories) {
    WalPath path(history, inventory.segment_size);
    uint64_t number = path.fork().value / inventory.segment_size;
    if (number == 0) continue;
    auto breaks = TRY(repository::find_breaks(archive, {path.at(number - 1), path.at(number)}, stop));
    std::ranges::copy(breaks, std::back_inserter(inventory.breaks));
  }
  return {};
}

WalReads reads_of(repository::WalArchive& archive, const WalInventory& inventory) {
  WalReads reads;
  reads.summary = [&archive, inventory](SegmentName name) -> Result<WalSegmentSummary> {
    if (const auto* partial = partial_with(inventory, name)) return partial->summary;
    if (inventory.unsaved.contains(name)) return summarize(archive, inventory, name);
    auto meta = TRY(archive.read_meta(name));
    if (meta.summary.records != 0) return meta.summary;
    return summarize(archive, inventory, name);
  };
  reads.scan = [&archive, inventory](const std::vector<SegmentName>& segments,
                                     const std::function<Result<void>(const WalEvent&)>& visit) -> Result<void> {
    postgres::CommitScanner scanner({.segment_size = inventory.segment_size, .major_version = inventory.major_version});
    for (const auto& name : segments) {
      auto content = TRY(content_of(archive, inventory, name));
      TRY(scanner.feed(name, content, visit));
    }
    return {};
  };
  reads.records = [&archive, inventory](const std::vector<SegmentName>& segments,
                                        const postgres::WalRecordReader::Visitor& visit) -> Result<void> {
    postgres::WalRecordReader reader(
        {.segment_size = inventory.segment_size, .major_version = inventory.major_version});
    for (const auto& name : segments) {
      auto content = TRY(content_of(archive, inventory, name));
      TRY(reader.feed(name, content, visit));
    }
    return {};
  };
  return reads;
}

}  // namespace

// ---- what is there

Result<WalCoverage> WalCoverage::load(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                                      std::stop_token stop, const std::string& server_wal) {
  WalInventory inventory;
  inventory.segment_size = identity.wal_segment_size;
  inventory.major_version = identity.major_version;
  auto timelines = TRY(archive.timelines());
  for (TimelineId timeline : timelines) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while listing WAL");
    inventory.segments[timeline] = TRY(archive.segments(timeline));
  }
  auto histories = TRY(archive.histories());
  for (TimelineId timeline : histories) {
    auto text = TRY(archive.get_history(timeline));
    inventory.histories[timeline] = TRY(postgres::parse_timeline_history(timeline, text));
  }
  std::optional<SegmentName> newest;
  if (!server_wal.empty()) newest = TRY(add_unsaved(inventory, server_wal, identity.system_identifier));
  for (const auto& [timeline, ranges] : inventory.segments) TRY(add_partial(archive, inventory, timeline));
  for (const auto& [timeline, history] : inventory.histories) {
    if (!inventory.segments.contains(timeline)) TRY(add_partial(archive, inventory, timeline));
  }
  if (newest) add_newest(inventory, *newest);
  TRY(find_broken_forks(archive, inventory, stop));
  auto reads = reads_of(archive, inventory);
  return WalCoverage(std::move(inventory), std::move(reads));
}

std::vector<TimelineId> WalCoverage::timelines() const {
  std::vector<TimelineId> result;
  for (const auto& [timeline, ranges] : inventory_.segments) result.push_back(timeline);
  for (const auto& [timeline, history] : inventory_.histories) result.push_back(timeline);
  std::ranges::sort(result);
  result.erase(std::ranges::unique(result).begin(), result.end());
  return result;
}

WalPath WalCoverage::path_to(TimelineId timeline) const {
  auto history = inventory_.histories.find(timeline);
  return {history == inventory_.histories.end() ? postgres::initial_history(timeline) : history->second,
          inventory_.segment_size};
}

bool WalCoverage::is_there(SegmentName name) const {
  return range_with(inventory_, name) != nullptr || partial_with(inventory_, name) != nullptr;
}

WalCoverage::Reach WalCoverage::reach(const WalPath& path, Lsn from) const {
  uint64_t number = from.value / inventory_.segment_size;
  bool any = false;
  std::optional<repository::WalBreak> broken;
  while (range_with(inventory_, path.at(number)) != nullptr) {
    auto joins = [&](const repository::WalBreak& known) {
      return known.after == path.at(number) && known.before == path.at(number - 1);
    };
    auto known = std::ranges::find_if(inventory_.breaks, joins);
    if (any && known != inventory_.breaks.end()) {
      broken = *known;
      break;
    }
    any = true;
    // A whole run at once, as far as the path stays on this timeline.
    uint64_t stored = range_with(inventory_, path.at(number))->last.number;
    number = path.runs(number, stored).front().last.number + 1;
  }
  Reach reach{any ? SegmentName{path.timeline(), number}.start(inventory_.segment_size) : from, std::nullopt, broken};
  if (broken) return reach;
  if (const auto* partial = partial_with(inventory_, path.at(number))) reach.end = std::max(reach.end, partial->end);
  for (const auto& entry : path.history().entries) {
    auto ranges = inventory_.segments.find(entry.timeline);
    if (ranges == inventory_.segments.end()) continue;
    for (const auto& range : ranges->second) {
      if (range.last.number > number && path.at(range.last.number) == range.last) reach.missing = path.at(number);
    }
  }
  return reach;
}

uint64_t WalCoverage::stored_bytes(const WalPath& path, Lsn from, Lsn to) const {
  if (to <= from) return 0;
  uint64_t bytes = 0;
  uint64_t last = (to.value - 1) / inventory_.segment_size;
  for (uint64_t number = from.value / inventory_.segment_size; number <= last; ++number) {
    if (const auto* range = range_with(inventory_, path.at(number))) bytes += range->stored_bytes / range->count();
  }
  return bytes;
}

// ---- what it holds

std::vector<SegmentName> WalCoverage::names(const WalPath& path, uint64_t first, uint64_t last) {
  std::vector<SegmentName> result;
  for (uint64_t number = first; number <= last; ++number) result.push_back(path.at(number));
  return result;
}

Result<WalSegmentSummary> WalCoverage::summary_of(SegmentName name) {
  auto known = summaries_.find(name);
  if (known != summaries_.end()) return known->second;
  auto summary = TRY(reads_.summary(name));
  summaries_.emplace(name, summary);
  return summary;
}

Result<std::optional<CommitPoint>> WalCoverage::last_commit_up_to(const WalPath& path, uint64_t low, uint64_t number) {
  for (uint64_t n = number + 1; n-- > low;) {
    if (!is_there(path.at(n))) break;
    auto summary = TRY(summary_of(path.at(n)));
    if (summary.last_commit) return summary.last_commit;
  }
  return std::optional<CommitPoint>();
}

Result<std::optional<CommitPoint>> WalCoverage::last_commit(const WalPath& path, Lsn after, Lsn until) {
  std::optional<CommitPoint> nothing;
  if (until <= after) return nothing;
  uint64_t low = after.value / inventory_.segment_size;
  uint64_t last = (until.value - 1) / inventory_.segment_size;
  auto found = TRY(last_commit_up_to(path, low, last));
  if (found && found->lsn > until) {
    // `until` lies in the middle of a segment: only reading it tells which commit comes before.
    found.reset();
    uint64_t begin = std::max(low, last >= kSegmentBorder ? last - kSegmentBorder : 0);
    TRY(reads_.scan(names(path, begin, last), [&](const WalEvent& event) -> Result<void> {
      if (event.kind == WalEvent::Kind::commit && event.end <= until) found = CommitPoint{event.time, event.end};
      return {};
    }));
    if (!found && begin > low) found = TRY(last_commit_up_to(path, low, begin - 1));
  }
  return found && found->lsn > after ? found : nothing;
}

Result<std::optional<WalEvent>> WalCoverage::commit_ending_at(const WalPath& path, Lsn end) {
  std::optional<WalEvent> found;
  uint64_t last = (end.value - 1) / inventory_.segment_size;
  uint64_t first = last >= kSegmentBorder && is_there(path.at(last - kSegmentBorder)) ? last - kSegmentBorder : last;
  TRY(reads_.scan(names(path, first, last), [&](const WalEvent& event) -> Result<void> {
    if (event.kind == WalEvent::Kind::commit && event.end == end) found = event;
    return {};
  }));
  return found;
}

Result<std::optional<WalEvent>> WalCoverage::find_event(const WalPath& path, Lsn after, Lsn until,
                                                        const std::function<bool(const WalEvent&)>& accept,
                                                        std::stop_token stop) {
  std::optional<WalEvent> found;
  if (until <= after) return found;
  uint64_t first = after.value / inventory_.segment_size;
  uint64_t last = (until.value - 1) / inventory_.segment_size;
  auto done = reads_.scan(names(path, first, last), [&](const WalEvent& event) -> Result<void> {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while searching WAL");
    if (event.end <= after || event.end > until || !accept(event)) return {};
    found = event;
    return Error(ErrorKind::cancelled, "found");  // ends the scan
  });
  if (!done && !found) return std::move(done).error();
  return found;
}

}  // namespace spendsync::wal
