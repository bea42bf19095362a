// How old backups may be, by the configuration.
#pragma once

#include "config/config.h"
#include "health/check_backups.h"

namespace spendsync::jobs {

health::BackupPlan backup_plan(const config::Config& config);

}  // namespace spendsync::jobs
