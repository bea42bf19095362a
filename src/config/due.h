// When a schedule is due next, on the clock of a zone.
#pragma once

#include <optional>

#include "base/time.h"
#include "config/cron.h"

namespace spendsync::config {

/// The first minute after `after` whose wall time in `zone` is due. A wall time that the clock skips is not due that
/// day; one that it shows twice is due at the first. Empty: not within eight years (29 February at most waits so long).
std::optional<Timestamp> next_due(const CronExpression& cron, const TimeZone& zone, Timestamp after);

}  // namespace spendsync::config
