// Which backups stay. Inside this folder only.
#pragma once

#include <functional>

#include "retention/plan.h"

namespace spendsync::retention {

/// A clock may differ by this much before it is taken for wrong.
inline constexpr std::chrono::minutes kSkewMax{5};

/// Readable, not dated in the future, not proved bad: worth being what recovery begins with.
bool is_good(const BackupFact& backup, Timestamp now);
/// The newest by its end of those that `accept` takes; null: none.
const BackupFact* newest_backup(const Facts& facts, const std::function<bool(const BackupFact&)>& accept);
const BackupFact* find_backup(const Facts& facts, const Label& label);

/// Kept backups with the reasons, ascending by label. The others are past their time and nothing needs them.
std::vector<KeptBackup> kept_backups(const Facts& facts, const Policy& policy);

/// Whether a run without a manifest may still become a backup.
bool is_live(const RunFact& run, const Facts& facts, const Policy& policy);

}  // namespace spendsync::retention
