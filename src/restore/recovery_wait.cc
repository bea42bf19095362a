#include "restore/recovery_wait.h"

#include <fmt/format.h>

namespace spendsync::restore {

namespace {

/// "waiting for 00000001..." stands while restore_command runs, "recovering 00000001..." while records of it are
/// replayed (xlogrecovery.c, XLogFileRead).
std::string describe(Lsn replayed, const std::string& activity) {
  if (activity.starts_with("waiting for ")) {
    return fmt::format("the WAL file {}, which `wal get` has not delivered yet",
                       activity.substr(sizeof("waiting for")));
  }
  auto record = replayed.value == 0 ? std::string("a record before consistency")
                                    : fmt::format("the record at {}", replayed.to_string());
  return activity.empty() ? record : fmt::format("{} ({})", record, activity);
}

}  // namespace

std::optional<RecoveryWait::Told> RecoveryWait::observe(std::chrono::nanoseconds now, Lsn replayed,
                                                        const std::string& activity) {
  if (!begun_ || replayed != replayed_ || activity != activity_) {
    begun_ = now;
    next_ = now + kFirst;
    replayed_ = replayed;
    activity_ = activity;
    return std::nullopt;
  }
  if (now < next_) return std::nullopt;
  next_ = now + kRepeat;
  return Told{describe(replayed, activity), now - *begun_};
}

}  // namespace spendsync::restore
