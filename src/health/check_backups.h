// What `check` and `status` say about the backups there are, from facts alone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "health/check_report.h"

namespace spendsync::health {

/// How old backups may be: the longest time between two due moments, and how long one may take.
struct BackupPlan {
  std::chrono::seconds full_every{0};
  std::chrono::seconds logs_every{0};
  std::chrono::seconds grace{0};  // monitoring.thresholds.backup_duration
  std::chrono::seconds rpo{0};    // objectives.rpo
};

/// The server's WAL beside the stored one; known only while the server can be asked.
struct WalLag {
  Lsn server;
  Lsn stored;
  uint64_t bytes() const { return server.value > stored.value ? server.value - stored.value : 0; }
  /// The server has written no record that is not stored: at most the header that a new segment begins with
  /// (access/xlog_internal.h, SizeOfXLogLongPHD).
  bool nothing_new() const { return bytes() <= 40; }
};

struct BackupFacts {
  Timestamp now;
  BackupPlan plan;
  std::optional<Timestamp> newest_full;       // when it began; empty: there is none
  std::optional<Timestamp> restorable_until;  // empty: nothing can be restored
  std::optional<WalLag> lag;
  std::vector<std::string> damaged;                              // "label: why", chain findings
  std::optional<std::pair<std::string, std::string>> went_back;  // what this host has seen is not there; what to do
  std::optional<std::string> missing_wal;  // the first segment of the newest backup's way that is not there
  /// A primary writes on a timeline to which nothing stored leads: both, the server's first.
  std::optional<std::pair<TimelineId, TimelineId>> other_timeline;
  std::optional<std::string> beyond;       // later WAL that a record states and that is not there
  std::optional<std::string> broken_wal;   // why what follows on that way is no part of it
  std::optional<Timestamp> newest_record;  // the latest moment that any record states
  size_t unfinished = 0;
};

/// Items backups.full, backups.logs, backups.gap, backups.timeline, backups.records, clock.records.
std::vector<CheckItem> judge_backups(const BackupFacts& facts);

struct ClockFacts {
  Timestamp here;
  Timestamp server;
};
/// Item clock.server.
CheckItem judge_clock(const ClockFacts& facts);

}  // namespace spendsync::health
