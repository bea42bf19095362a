// spendsync-backup check
#include "jobs/check.h"

#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/check_screen.h"

namespace spendsync::cli {
namespace {

Result<int> run_check(const Process& process) {
  const auto report = TRY(jobs::check(process, process.sources()));
  for (const auto& line : to_lines(report, process.global.quiet)) process.output.line(line);
  const int code = report.exit_code();
  process.output.summary("check", to_json(report), code);
  return code;
}

}  // namespace

CommandEntry check_command() {
  return {.name = "check",
          .description = "everything that could keep the next backup from succeeding, with its fix",
          .examples = {{"check", "changes nothing; each problem comes with the command that mends it"}},
          .run = run_check};
}

}  // namespace spendsync::cli
