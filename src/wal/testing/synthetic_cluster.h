// Synthetic clusters: segments, commits and backups where a test puts them, without a byte of WAL.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "base/testing.h"
#include "base/time.h"
#include "wal/recovery_windows.h"

namespace spendsync::wal {

using postgres::WalEvent;
using repository::CommitPoint;
using repository::LogRecord;
using repository::ManifestSummary;

inline constexpr uint32_t kSegment = 16u << 20;

inline Timestamp at(std::string_view text) { return MUST(parse_rfc3339(text)); }
inline Lsn lsn(uint64_t segment, uint64_t offset = 0) { return {segment * kSegment + offset}; }

/// The WAL of a cluster as a list of events, and its backups.
class SyntheticCluster {
 public:
  SyntheticCluster& commit(uint32_t timeline, Lsn start, std::string_view time, uint32_t transaction = 700) {
    WalEvent event;
    event.start = start;
    event.end = {start.value + 40};
    event.transaction = transaction;
    event.time = at(time);
    return add(timeline, std::move(event));
  }
  SyntheticCluster& add(uint32_t timeline, WalEvent event) {
    events_[TimelineId{timeline}].push_back(std::move(event));
    return *this;
  }
  /// A record that is no commit, abort or restore point.
  SyntheticCluster& record(uint32_t timeline, Lsn start, Lsn end, uint8_t resource_manager) {
    postgres::WalRecord record;
    record.start = start;
    record.end = end;
    record.resource_manager = resource_manager;
    others_[TimelineId{timeline}].push_back(record);
    return *this;
  }
  SyntheticCluster& prepare(uint32_t timeline, Lsn start, std::string_view time) {
    WalEvent event;
    event.kind = WalEvent::Kind::prepare;
    event.start = start;
    event.end = {start.value + 80};
    event.time = at(time);
    return add(timeline, std::move(event));
  }
  SyntheticCluster& segments(uint32_t timeline, uint64_t first, uint64_t last) {
    TimelineId id{timeline};
    auto& runs = wal_.segments[id];
    runs.push_back({{{id, first}, {id, last}}, (last - first + 1) * 1000});
    std::ranges::sort(runs, {}, [](const auto& run) { return run.first; });
    return *this;
  }
  SyntheticCluster& fork(uint32_t child, uint32_t parent, Lsn where) {
    wal_.histories[TimelineId{child}] = {
        {{TimelineId{parent}, Lsn{0}, where}, {TimelineId{child}, where, std::nullopt}}};
    return *this;
  }
  SyntheticCluster& backup(BackupType type, std::string_view started, std::string_view stopped, WalPosition start,
                           Lsn stop) {
    ManifestSummary summary;
    summary.label = repository::Label::make(at(started), type);
    summary.started = at(started);
    summary.stopped = at(stopped);
    summary.start = start;
    summary.stop = {start.timeline, stop};
    backups_.backups.push_back(summary);
    std::ranges::sort(backups_.backups, {}, [](const auto& b) { return b.label.text(); });
    return *this;
  }
  SyntheticCluster& log(std::string_view started, uint32_t timeline, Lsn from, Lsn to, std::string_view covered,
                        std::optional<CommitPoint> last = {}) {
    LogRecord record;
    record.label = repository::Label::make(at(started), BackupType::transaction_logs);
    record.ranges = {{TimelineId{timeline}, from, to}};
    record.covered_until = at(covered);
    record.last_commit = last;
    backups_.logs.push_back(record);
    return *this;
  }
  SyntheticCluster& unreadable(std::string_view started, BackupType type) {
    backups_.unreadable.push_back(
        {repository::Label::make(at(started), type), Error(ErrorKind::corrupt, "damaged manifest")});
    return *this;
  }
  SyntheticCluster& went_back(std::string why) {
    backups_.went_back = Error(ErrorKind::refused, std::move(why)).with_condition(Condition::repository_went_back);
    return *this;
  }
  SyntheticCluster& is_another_one(std::string why) {
    backups_.went_back = Error(ErrorKind::refused, std::move(why));
    return *this;
  }

  const BackupInventory& inventory() const { return backups_; }
  /// What there is now. The cluster outlives it.
  WalCoverage coverage() {
    wal_.segment_size = kSegment;
    wal_.major_version = 15;
    return {wal_, reads()};
  }
  int summaries_read = 0;
  int segments_scanned = 0;

 private:
  WalReads reads() {
    return {.summary = [this](SegmentName name) { return summary(name); },
            .scan = [this](const auto& names, const auto& visit) { return scan(names, visit); },
            .records = [this](const auto& names, const auto& visit) { return records(names, visit); }};
  }
  /// Events in the segment in which they end; those of an ancestor belong to it up to the fork.
  std::vector<WalEvent> events_in(SegmentName name) const {
    std::vector<WalEvent> found;
    auto history = wal_.histories.find(name.timeline);
    auto take = [&](TimelineId timeline, std::optional<Lsn> until) {
      auto events = events_.find(timeline);
      if (events == events_.end()) return;
      for (const auto& event : events->second) {
        if ((event.end.value - 1) / kSegment == name.number && (!until || event.end <= *until)) found.push_back(event);
      }
    };
    if (history != wal_.histories.end()) {
      for (const auto& entry : history->second.entries) take(entry.timeline, entry.end);
    } else {
      take(name.timeline, std::nullopt);
    }
    return found;
  }
  Result<repository::WalSegmentSummary> summary(SegmentName name) {
    ++summaries_read;
    repository::WalSegmentSummary result;
    result.records = 1;
    for (const auto& event : events_in(name)) {
      bool crosses_border = event.start.value / kSegment != (event.end.value - 1) / kSegment;
      if (event.kind != WalEvent::Kind::commit || crosses_border) continue;  // as whoever sees one segment at a time
      result.add({event.time, event.end});
    }
    return result;
  }
  Result<void> scan(const std::vector<SegmentName>& names, const std::function<Result<void>(const WalEvent&)>& visit) {
    for (size_t i = 0; i < names.size(); ++i) {
      ++segments_scanned;
      for (const auto& event : events_in(names[i])) {
        if (i == 0 && event.start < names[0].start(kSegment)) continue;  // began before: cannot be read
        TRY(visit(event));
      }
    }
    return {};
  }

  /// Events and all other records of the segments' own timelines, in order.
  Result<void> records(const std::vector<SegmentName>& names, const postgres::WalRecordReader::Visitor& visit) {
    std::vector<postgres::WalRecord> found;
    TRY(scan(names, [&](const WalEvent& event) -> Result<void> {
      postgres::WalRecord record;
      record.start = event.start;
      record.end = event.end;
      record.resource_manager = event.kind == WalEvent::Kind::restore_point ? 0 : 1;
      record.info = event.kind == WalEvent::Kind::restore_point ? 0x70
                    : event.kind == WalEvent::Kind::prepare     ? 0x10
                                                                : 0;
      found.push_back(record);
      return {};
    }));
    for (const auto& record : others_[names.back().timeline]) {
      bool begins_before = record.start < names.front().start(kSegment);
      if (!begins_before && (record.end.value - 1) / kSegment <= names.back().number) found.push_back(record);
    }
    std::ranges::sort(found, {}, &postgres::WalRecord::start);
    for (const auto& record : found) TRY(visit(record));
    return {};
  }

  WalInventory wal_;
  std::map<TimelineId, std::vector<WalEvent>> events_;
  std::map<TimelineId, std::vector<postgres::WalRecord>> others_;
  BackupInventory backups_;
};

/// A full at midnight of 15 March, segments 10 to 40 on timeline 1, a commit an hour at :00 from 01:00 on (segment 12
/// and so on), a log backup at 12:00 and one at 20:30.
inline SyntheticCluster a_day() {
  SyntheticCluster cluster;
  cluster.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
                 lsn(11, 300));
  cluster.segments(1, 10, 40);
  for (int hour = 1; hour <= 20; ++hour) {
    cluster.commit(1, lsn(static_cast<uint64_t>(11 + hour), 1000), fmt::format("2024-03-15T{:02}:00:00Z", hour),
                   static_cast<uint32_t>(700 + hour));
  }
  cluster.log("2024-03-15T12:00:00Z", 1, lsn(10), lsn(24), "2024-03-15T12:00:10Z",
              CommitPoint{at("2024-03-15T12:00:00Z"), lsn(23, 1040)});
  cluster.log("2024-03-15T20:30:00Z", 1, lsn(24), lsn(41), "2024-03-15T20:30:10Z",
              CommitPoint{at("2024-03-15T20:00:00Z"), lsn(31, 1040)});
  return cluster;
}

/// Segments 20 and 21 never arrived; a new full follows at 10:00.
inline SyntheticCluster with_gap() {
  SyntheticCluster cluster;
  cluster.segments(1, 10, 19).segments(1, 22, 40);
  cluster.backup(BackupType::full, "2024-03-15T00:00:00Z", "2024-03-15T00:05:00Z", {TimelineId{1}, lsn(10, 40)},
                 lsn(11, 300));
  cluster.backup(BackupType::full, "2024-03-15T10:00:00Z", "2024-03-15T10:05:00Z", {TimelineId{1}, lsn(25, 40)},
                 lsn(26, 300));
  cluster.commit(1, lsn(15, 1000), "2024-03-15T03:00:00Z").commit(1, lsn(30, 1000), "2024-03-15T12:00:00Z");
  return cluster;
}

}  // namespace spendsync::wal
