// Where in WAL a moment or a position is.
#include <algorithm>

#include "wal/coverage.h"

namespace spendsync::wal {

using postgres::WalEvent;
using repository::WalSegmentSummary;

namespace {

constexpr uint64_t kLookAhead = 4096;  // segments, see search_time

bool has_later(const WalSegmentSummary& summary, Timestamp time) {
  bool greatest = summary.greatest_commit_time && *summary.greatest_commit_time > time;
  return greatest || (summary.first_commit && summary.first_commit->time > time) ||
         (summary.last_commit && summary.last_commit->time > time);
}

bool has_not_later(const WalSegmentSummary& summary, Timestamp time) {
  return (summary.first_commit && summary.first_commit->time <= time) ||
         (summary.last_commit && summary.last_commit->time <= time);
}

}  // namespace

Result<WalCoverage::TimeSearch> WalCoverage::search_time(const WalPath& path, Lsn after, Lsn until, Timestamp time) {
  TimeSearch search;
  if (until <= after) return search;
  const uint64_t last = (until.value - 1) / inventory_.segment_size;
  for (uint64_t number = after.value / inventory_.segment_size; number <= last && !search.next; ++number) {
    const auto summary = TRY(summary_of(path.at(number)));
    // What is later may lie before `after`: then there is no `next` yet.
    if (number == last || has_later(summary, time)) search = TRY(search_up_to(path, after, until, number, time));
  }
  if (search.next) search.again = TRY(last_not_later(path, search.next->end, until, time));
  return search;
}

Result<WalCoverage::TimeSearch> WalCoverage::search_end(const WalPath& path, Lsn after, Lsn until) {
  if (until <= after) return TimeSearch();
  return search_up_to(path, after, until, (until.value - 1) / inventory_.segment_size, Timestamp::max());
}

/// Reads from the last commit before that segment: what was prepared since then is in no summary.
Result<WalCoverage::TimeSearch> WalCoverage::search_up_to(const WalPath& path, Lsn after, Lsn until, uint64_t segment,
                                                          Timestamp time) {
  TimeSearch search;
  uint64_t begin = after.value / inventory_.segment_size;
  if (segment > begin) {
    const auto commit = TRY(last_commit_up_to(path, begin, segment - 1));
    const uint64_t with_commit = commit ? (commit->lsn.value - 1) / inventory_.segment_size : begin;
    begin = std::max(begin, with_commit - std::min(with_commit, kSegmentBorder));
  }
  bool is_past = false;
  TRY(reads_.scan(names(path, begin, segment), [&](const WalEvent& event) -> Result<void> {
    if (event.end <= after || event.end > until || search.next) return {};
    if (event.kind == WalEvent::Kind::commit && event.time > time) {
      search.next = event;
    } else if (event.kind == WalEvent::Kind::commit) {
      is_past = false;
      search.last = search.stop = event;
    } else if (event.kind == WalEvent::Kind::abort && event.time > time) {
      is_past = true;  // nothing is lost without an abort, but what was prepared behind it is later as well
    } else if (event.kind == WalEvent::Kind::prepare && event.time <= time && !is_past) {
      search.stop = event;
    }
    return {};
  }));
  return search;
}

Result<std::optional<WalEvent>> WalCoverage::last_not_later(const WalPath& path, Lsn after, Lsn until, Timestamp time) {
  std::optional<WalEvent> found;
  const uint64_t first = (after.value - 1) / inventory_.segment_size;
  const uint64_t last = std::min((until.value - 1) / inventory_.segment_size, first + kLookAhead);
  for (uint64_t number = last + 1; number-- > first && !found;) {
    const auto summary = TRY(summary_of(path.at(number)));
    // The segment with `after` was read already, and may hold such a commit between two that are later.
    if (number != first && !has_not_later(summary, time)) continue;
    const uint64_t begin = std::max(first, number - std::min(number, kSegmentBorder));
    TRY(reads_.scan(names(path, begin, number), [&](const WalEvent& event) -> Result<void> {
      const bool is_inside = event.end > after && event.end <= until;
      if (event.kind == WalEvent::Kind::commit && is_inside && event.time <= time) found = event;
      return {};
    }));
  }
  return found;
}

Result<std::optional<WalCoverage::RecordPlace>> WalCoverage::record_at(const WalPath& path, Lsn after, Lsn until,
                                                                       Lsn lsn) {
  std::optional<RecordPlace> found;
  if (until <= lsn || lsn < after) return found;
  const uint64_t low = after.value / inventory_.segment_size;
  const uint64_t last = (until.value - 1) / inventory_.segment_size;
  for (uint64_t begin = lsn.value / inventory_.segment_size;; --begin) {
    bool is_followed = false;  // from a record that ends at the position or before it: none can be overlooked
    found.reset();
    const auto done = reads_.records(names(path, begin, last), [&](const postgres::WalRecord& record) -> Result<void> {
      if (record.end <= lsn) {
        is_followed = true;
        return {};
      }
      found = RecordPlace{record.start, record.end, record.resource_manager, record.info};
      return Error(ErrorKind::cancelled, "found");  // ends the scan
    });
    if (!done && !found) return done.error();
    const bool is_sure = is_followed || (found && found->start <= lsn);
    if (is_sure || begin == low) break;
  }
  if (found && found->end > until) found.reset();
  return found;
}

}  // namespace spendsync::wal
