// spendsync-backup wal get %f %p
#include "jobs/wal_get.h"

#include "base/condition.h"
#include "cli/commands/commands.h"

namespace spendsync::cli {

int run_wal_get(const Process& process, const WalGetOptions& options) {
  const auto outcome = jobs::get_wal(process, process.sources(),
                                     {.file_name = options.file, .path = options.path, .plan = options.plan});
  if (outcome.exit_code == wal::kWalFailed) {
    process.log.failure(Error(ErrorKind::internal, outcome.message)
                            .with_condition(Condition::wal_not_delivered)
                            .with_hint(outcome.hint));
  } else if (!outcome.message.empty()) {
    process.log.debug(outcome.message);
  }
  return outcome.exit_code;
}

}  // namespace spendsync::cli
