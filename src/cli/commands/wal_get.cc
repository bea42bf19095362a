// spendsync-backup wal get %f %p
#include "jobs/wal_get.h"

#include "base/condition.h"
#include "cli/commands/commands.h"
#include "cli/process.h"

namespace spendsync::cli {
namespace {

struct WalGetOptions {
  std::string file;
  std::string path;
  std::optional<std::string> plan;
};

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

}  // namespace

CommandEntry wal_get_command() {
  auto o = std::make_shared<WalGetOptions>();
  return {.name = "get",
          .description = "deliver one WAL file: restore_command = '... wal get %f %p'",
          .options = {option("--plan", "FILE", o->plan, "answer from this restore's plan")},
          .arguments = {argument("file", o->file, "%f").required(), argument("path", o->path, "%p").required()},
          .examples = {{"wal get 000000010000000000000003 pg_wal/RECOVERYXLOG", "as PostgreSQL calls it"}},
          .run = [o](const Process& process) { return Result<int>(run_wal_get(process, *o)); },
          // A standby asks again after 1 and ends after anything above 125.
          .failure_code = [] { return wal::wal_get_failure_code("."); }};
}

}  // namespace spendsync::cli
