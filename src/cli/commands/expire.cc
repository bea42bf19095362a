// spendsync-backup expire [--dry-run] [--yes]
#include "jobs/expire.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/expire_screen.h"

namespace spendsync::cli {
namespace {

struct ExpireOptions {
  bool dry_run = false;
  bool yes = false;
};

Result<int> run_expire(const Process& process, const ExpireOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto planned = [&](const jobs::ServerExpiry& server) { print_plan(process.output, server, options.dry_run); };
  const auto report =
      TRY(jobs::expire(*wiring, {.dry_run = options.dry_run, .over_cap = options.yes, .planned = planned}));
  print(process.output, report);
  if (report.failure) return *report.failure;
  const int code = report.denied() > 0 ? kIncomplete : kDone;
  process.output.summary("expire", to_json(report), code);
  return code;
}

}  // namespace

CommandEntry expire_command() {
  auto o = std::make_shared<ExpireOptions>();
  return {.name = "expire",
          .description = "delete what is past its retention and needed by nothing that is kept",
          .options = {flag("--dry-run", o->dry_run, "show what would be deleted and why, what stays and why, and stop"),
                      flag("--yes", o->yes, "delete also more backups than expire.deletion_cap allows")},
          .examples = {{"expire --dry-run", "what would go, what stays, and the moments that stay restorable"}},
          .run = [o](const Process& process) { return run_expire(process, *o); }};
}

}  // namespace spendsync::cli
