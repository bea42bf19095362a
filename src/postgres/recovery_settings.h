// The generated configuration under which a restored directory recovers (R2, R3, R9 to R12).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"

namespace spendsync::postgres {

struct RecoveryTarget {
  enum class Kind { end_of_wal, immediate, time, lsn, transaction, name } kind = Kind::end_of_wal;
  Timestamp time{};
  Lsn lsn;
  std::string transaction;
  std::string name;
  bool inclusive = true;
  TimelineId timeline;  // always a number, never `latest`
};

/// Settings as (name, value) pairs: restore_command, at most one recovery_target_*, numeric time-zone offset, timeline,
/// action promote. A time is stopped at after the last commit not later than it (inclusive) or before the first that is
/// not earlier; a name takes no `inclusive`. recovery.signal is the caller's to write.
std::vector<std::pair<std::string, std::string>> recovery_settings(const RecoveryTarget& target,
                                                                   const std::string& restore_command);

/// Rewrites postgresql.auto.conf: removes every recovery_target*, restore_command, primary_* and other standby setting
/// that an earlier life left, and those named in `add`; keeps the rest, comments included, byte for byte; appends
/// `add`. Makes the file where it is missing; replaces it atomically, with the mode it had. With an empty `add` it
/// removes what recovery needed. Targets in postgresql.conf itself stay: recover under a configuration file that has
/// none, since an empty recovery_target_* beside a set one is "multiple recovery targets" to the server.
Result<void> rewrite_auto_conf(const std::string& data_directory,
                               const std::vector<std::pair<std::string, std::string>>& add);

/// One line of a configuration file, with its end: name = 'value' with quotes and backslashes doubled (guc-file.l).
std::string configuration_line(const std::string& name, const std::string& value);

}  // namespace spendsync::postgres
