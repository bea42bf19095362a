// spendsync-backup expire [--dry-run] [--yes]
#include "jobs/expire.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/screen/expire_screen.h"

namespace spendsync::cli {

Result<int> run_expire(const Process& process, const ExpireOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto report = TRY(jobs::expire(*wiring, {.dry_run = options.dry_run, .over_cap = options.yes}));
  print(process.output, report);
  if (report.failure) return *report.failure;
  const int code = report.denied() > 0 ? kIncomplete : kDone;
  process.output.summary("expire", to_json(report), code);
  return code;
}

}  // namespace spendsync::cli
