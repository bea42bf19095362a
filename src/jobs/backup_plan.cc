#include "jobs/backup_plan.h"

namespace spendsync::jobs {

health::BackupPlan backup_plan(const config::Config& config) {
  return {.full_every = config.schedules.full.cron.longest_gap(),
          .logs_every = config.schedules.transaction_logs.cron.longest_gap(),
          .grace = config.monitoring.thresholds.backup_duration,
          .rpo = config.objectives.rpo};
}

}  // namespace spendsync::jobs
