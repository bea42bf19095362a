// The configuration of a job: where it lies, and reading it.
#pragma once

#include <optional>
#include <string>

#include "base/log.h"
#include "config/load.h"

namespace spendsync::jobs {

/// The file that load_configuration() reads: `asked`, else $SPENDSYNC_BACKUP_CONFIG, the installed one, the one beside
/// the script that was called. Errors: condition configuration_missing, exit code 2.
Result<std::string> configuration_path(const std::optional<std::string>& asked);

/// Finds and loads it; its warnings go to the log. Errors: conditions configuration_missing and configuration_wrong,
/// exit code 2.
Result<config::LoadedConfig> load_configuration(const std::optional<std::string>& asked, Log& log);

}  // namespace spendsync::jobs
