// Whether the WAL that the repository holds is this server's: a segment's name is no proof of it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/condition.h"
#include "postgres/connection.h"
#include "repository/wal_archive.h"
#include "wal/segment_file.h"

namespace spendsync::wal {

/// Compares what is stored with a primary's own pg_wal. A server that was put back to an earlier state (a snapshot of a
/// volume or a virtual machine, a copied directory) writes other WAL under the same names and the same timeline: what
/// was archived before then belongs to another history, and what is archived after it cannot be replayed from there.
/// A standby is not judged: it may lag, and it writes no WAL of its own. One thread. Memory: two segments.
class WalLineage {
 public:
  struct Settings {
    std::string wal_directory;  // the server's pg_wal; where it cannot be looked into, nothing is compared
    uint32_t segment_size = 0;
    int major_version = 0;
    SystemIdentifier system_identifier;
  };
  WalLineage(Settings settings, repository::WalArchive& archive) : settings_(std::move(settings)), archive_(archive) {}

  struct Divergence {
    std::string what;
    SegmentName first;  // of the server's own segments: from this one on they are no part of the stored history
  };
  /// Whether the server goes on where the stored WAL of its timeline ends: it is not behind that, the newest segment
  /// that both have is the same, and the first one that only the server has joins on to the last one that is stored.
  /// Empty: it does, or nothing says otherwise. Errors: those of the session and of the store.
  Result<std::optional<Divergence>> judge(postgres::Connection& control, TimelineId timeline, std::stop_token stop);
  /// The same as an error. Errors: conflict (Condition::wal_diverged); as judge().
  Result<void> expect_same_history(postgres::Connection& control, TimelineId timeline, std::stop_token stop);

  /// Every stored segment of the timeline that lies in pg_wal as well, below the one in which `until` lies: from the
  /// one that holds `from` on, and always the newest. Compared up to the end of the last record: what follows a WAL
  /// switch may differ. Requires: the server has written up to `until` (files beyond carry names of the future).
  /// Errors: conflict (Condition::wal_diverged), naming the first segment that differs; those of the store.
  Result<void> compare(TimelineId timeline, Lsn from, Lsn until, std::stop_token stop);

  uint64_t compared() const { return compared_; }  // segments, by all calls

 private:
  Result<std::vector<SegmentName>> local_segments(TimelineId timeline, uint64_t below) const;
  Result<std::optional<std::string>> is_behind(postgres::Connection& control, TimelineId timeline,
                                               std::stop_token stop);
  Result<std::optional<SegmentName>> first_difference(TimelineId timeline, Lsn from, Lsn until, std::stop_token stop);
  Result<std::optional<Divergence>> judge_first_new(TimelineId timeline, Lsn until);
  std::string describe_difference(SegmentName first) const;
  Result<bool> is_same(SegmentName name);
  Result<std::optional<SegmentFile>> read_own(SegmentName name) const;

  Settings settings_;
  repository::WalArchive& archive_;
  uint64_t compared_ = 0;
};

/// Whether two contents of a segment hold the same records: byte for byte up to the end of the last record that the
/// stored one holds. Requires: `stored` is a whole segment.
bool holds_same_records(SegmentName name, ByteView stored, ByteView other, uint32_t segment_size, int major_version);

}  // namespace spendsync::wal
