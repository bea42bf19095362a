// Where the configuration file is looked for.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace spendsync::config {

inline constexpr const char* kConfigVariable = "SPENDSYNC_BACKUP_CONFIG";
inline constexpr const char* kInstalledConfig = "/etc/spendsync/backup/backup-config.yml";

/// The places, in order. Empty ones are not looked at.
struct ConfigPlaces {
  std::optional<std::string> flag;         // --config
  std::optional<std::string> environment;  // $SPENDSYNC_BACKUP_CONFIG
  std::string installed = kInstalledConfig;
  std::string beside_script;  // backup-config.yml beside backup.sh, restore.sh or dr-test.sh
};

/// The first place that has a file. A place that was asked for by flag or variable is never fallen back from.
/// The working directory is never looked at. Errors: invalid, listing where it looked.
Result<std::string> find_config(const ConfigPlaces& places);

/// The same with the variable read from this process's environment.
Result<std::string> find_config(std::optional<std::string> flag, std::string beside_script);

}  // namespace spendsync::config
