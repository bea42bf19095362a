// Which settings a recovery needs: at least as large as on the source at any moment that is replayed (R12).
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "postgres/wal/parameter_change.h"
#include "repository/wal_archive.h"
#include "restore/plan.h"

namespace spendsync::restore {

/// Settings by name. Value type.
struct ReplayLimits {
  std::map<std::string, std::string> needed;  // for replay: the greatest of the backup's and of those in WAL
  std::map<std::string, std::string> raised;  // that the source had at the target, where greater than the backup's
};

/// Of the backup's settings and the changes of them that WAL holds, oldest first. Pure.
ReplayLimits replay_limits(const repository::ManifestSummary& backup,
                           const std::vector<postgres::ReplayLimitValues>& changes);

/// Reads all WAL of the plan up to its target, that which was saved aside included. Memory: one segment. What cannot
/// be read is passed over (debug log), since recovery will tell what that means. Errors: cancelled.
Result<ReplayLimits> find_replay_limits(repository::WalArchive& archive, const RestorePlan& plan, Log& log,
                                        std::stop_token stop);

}  // namespace spendsync::restore
