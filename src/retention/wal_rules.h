// Which write-ahead log stays, and how far it reaches. Inside this folder only.
#pragma once

#include "retention/backup_rules.h"

namespace spendsync::retention {

/// What must stay, whatever its age; and since when everything must.
struct WalNeeds {
  std::map<TimelineId, std::vector<SegmentRun>> runs;  // ascending, apart from one another
  /// Stored in [first, second): kept for what cannot be read, or has not ended.
  std::vector<std::pair<Timestamp, Timestamp>> periods;
  bool everything = false;
  std::vector<std::string> warnings;
};

/// `backups`: the ones that stay; `logs`: the same.
WalNeeds wal_needs(const Facts& facts, const Policy& policy, const std::vector<const BackupFact*>& backups,
                   const std::vector<const LogFact*>& logs);

/// Segments and files that nothing needs, as runs: one ends where a kept segment lies or a timeline ends.
std::vector<ExpiredWal> unneeded_wal(const Facts& facts, const WalNeeds& needs);

/// The window that these backups and the segments of `facts` without `expired` make, on the newest timeline.
Window recovery_window(const Facts& facts, const std::vector<const BackupFact*>& backups,
                       const std::vector<ExpiredWal>& expired);

}  // namespace spendsync::retention
