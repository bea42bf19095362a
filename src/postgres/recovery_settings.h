// The generated configuration under which a restored directory recovers (R2, R3, R9 to R12).
#pragma once

#include <optional>
#include <string>
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

/// Settings as (name, value) pairs: restore_command, one recovery_target_*, numeric time-zone offset, timeline,
/// action promote.
std::vector<std::pair<std::string, std::string>> recovery_settings(const RecoveryTarget& target,
                                                                   const std::string& restore_command);

/// Rewrites postgresql.auto.conf: removes every recovery_* , restore_command, primary_* and standby setting that an
/// earlier life left, keeps the rest, appends `add`. Values are quoted as guc-file.l reads them.
Result<void> rewrite_auto_conf(const std::string& data_directory,
                               const std::vector<std::pair<std::string, std::string>>& add);

/// One line of a configuration file: name = 'value' with quotes and backslashes doubled.
std::string configuration_line(const std::string& name, const std::string& value);

}  // namespace spendsync::postgres
