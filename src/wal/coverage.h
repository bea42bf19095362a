// Which WAL there is, and what it holds: the ground on which every recovery target stands.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include "postgres/wal/commit_scanner.h"
#include "repository/wal_continuity.h"
#include "wal/path.h"

namespace spendsync::wal {

/// The last segment of a server that died, saved as `.partial`: its records up to `end`.
struct PartialSegment {
  SegmentName name;
  Lsn end;  // of its last valid record
  repository::WalSegmentSummary summary;
};

/// What is known without opening whole segments: listings, history files, and what follows the last whole segment.
struct WalInventory {
  uint32_t segment_size = 0;
  int major_version = 0;
  std::map<TimelineId, std::vector<repository::StoredRun>> segments;  // gapless ranges, ascending
  std::map<TimelineId, postgres::TimelineHistory> histories;          // of the timelines that have a file
  std::map<TimelineId, PartialSegment> partials;                      // right behind the last whole segment
  std::vector<repository::WalBreak> breaks;  // where a timeline begins that does not go on where its parent's WAL ends
  std::vector<std::string> warnings;         // .partial files that cannot be read
  /// Segments that lie in a server's pg_wal alone, with their paths: counted above as if they had been saved.
  std::map<SegmentName, std::string> unsaved;
};

/// How WAL is looked into. Functions, so that resolution is tested without a server's WAL.
struct WalReads {
  /// First and last commit of a whole segment. Errors: those of the archive.
  std::function<Result<repository::WalSegmentSummary>(SegmentName)> summary;
  /// Calls `visit` for every event that ends in these consecutive segments.
  std::function<Result<void>(const std::vector<SegmentName>&,
                             const std::function<Result<void>(const postgres::WalEvent&)>&)>
      scan;
  /// The same for every record, whatever is in it.
  std::function<Result<void>(const std::vector<SegmentName>&, const postgres::WalRecordReader::Visitor&)> records;
};

/// Segments read beyond the one that a summary points to: a record that crosses a border counts for none of them when
/// whoever stored them saw one segment at a time.
inline constexpr uint64_t kSegmentBorder = 1;

/// Listing and content together. One thread. Memory: a summary for each segment looked at, one segment at a time.
class WalCoverage {
 public:
  WalCoverage(WalInventory inventory, WalReads reads) : inventory_(std::move(inventory)), reads_(std::move(reads)) {}

  /// Reads listings, history files and the `.partial` file at each timeline's end. `archive` must outlive it.
  /// `server_wal`: pg_wal of a server, which may run; what the repository lacks of it counts as if it had been saved.
  /// Empty: none. Errors: those of the store and of that directory; corrupt for a damaged history file.
  static Result<WalCoverage> load(repository::WalArchive& archive, const repository::ClusterIdentity& identity,
                                  std::stop_token stop, const std::string& server_wal = {});

  uint32_t segment_size() const { return inventory_.segment_size; }
  const WalInventory& inventory() const { return inventory_; }
  /// Timelines that have WAL or a history file, ascending.
  std::vector<TimelineId> timelines() const;
  WalPath path_to(TimelineId timeline) const;

  /// How far the path is there without a gap.
  struct Reach {
    Lsn end;                                     // of the last segment or partial one; `from` itself when none is there
    std::optional<SegmentName> missing;          // the first that is not there although later ones of the path are
    std::optional<repository::WalBreak> broken;  // what comes next is there and was written by another history
  };
  Reach reach(const WalPath& path, Lsn from) const;
  /// Stored bytes of the segments that hold [from, to), about.
  uint64_t stored_bytes(const WalPath& path, Lsn from, Lsn to) const;

  /// The last commit that ends in (after, until] on the path; empty when there is none. By summaries, so a commit
  /// record across the border of two segments may be overlooked by whoever wrote them.
  Result<std::optional<repository::CommitPoint>> last_commit(const WalPath& path, Lsn after, Lsn until);

  /// Where recovery to a time has to stop (coverage_search.cc).
  struct TimeSearch {
    std::optional<postgres::WalEvent> last;   // the last commit before `next`
    std::optional<postgres::WalEvent> stop;   // the same, or what was prepared after it and not later than the time
    std::optional<postgres::WalEvent> next;   // the first commit later than the time
    std::optional<postgres::WalEvent> again;  // the last commit behind `next` that is not later: the clock went back
  };
  /// Looks at (after, until] in the order of WAL, as replay does: commit times need not grow. Reads the summary of
  /// every segment up to the one with `next`, and the WAL between the last commit and `next`. `next` is the first
  /// commit later than the time, with one exception: where the clock went back, a later one whose record crosses the
  /// border of two segments may be in nobody's summary. `again` is looked for in the next 4096 segments.
  Result<TimeSearch> search_time(const WalPath& path, Lsn after, Lsn until, Timestamp time);
  /// The same for everything in (after, until]: `next` stays empty. Reads from the last commit on.
  Result<TimeSearch> search_end(const WalPath& path, Lsn after, Lsn until);
  /// A record's place and kind (access/rmgrlist.h).
  struct RecordPlace {
    Lsn start;
    Lsn end;
    uint8_t resource_manager = 0;
    uint8_t info = 0;
  };
  /// The record of (after, until] that contains `lsn`, or else the first behind it. Empty when there is none.
  Result<std::optional<RecordPlace>> record_at(const WalPath& path, Lsn after, Lsn until, Lsn lsn);
  /// The commit whose record ends at `end`. Empty when it cannot be found.
  Result<std::optional<postgres::WalEvent>> commit_ending_at(const WalPath& path, Lsn end);
  /// The first event in (after, until] that `accept` takes. Reads all WAL up to it.
  Result<std::optional<postgres::WalEvent>> find_event(const WalPath& path, Lsn after, Lsn until,
                                                       const std::function<bool(const postgres::WalEvent&)>& accept,
                                                       std::stop_token stop);

 private:
  static std::vector<SegmentName> names(const WalPath& path, uint64_t first, uint64_t last);
  Result<repository::WalSegmentSummary> summary_of(SegmentName name);
  bool is_there(SegmentName name) const;
  Result<TimeSearch> search_up_to(const WalPath& path, Lsn after, Lsn until, uint64_t segment, Timestamp time);
  Result<std::optional<postgres::WalEvent>> last_not_later(const WalPath& path, Lsn after, Lsn until, Timestamp time);
  Result<std::optional<repository::CommitPoint>> last_commit_up_to(const WalPath& path, uint64_t low, uint64_t number);

  WalInventory inventory_;
  WalReads reads_;
  std::map<SegmentName, repository::WalSegmentSummary> summaries_;
};

}  // namespace spendsync::wal
