// spendsync-backup check
#include "jobs/check.h"

#include "cli/commands/commands.h"
#include "cli/screen/check_screen.h"

namespace spendsync::cli {

Result<int> run_check(const Process& process) {
  const auto report = TRY(jobs::check(process, process.sources()));
  for (const auto& line : to_lines(report, process.global.quiet)) process.output.line(line);
  const int code = report.exit_code();
  process.output.summary("check", to_json(report), code);
  return code;
}

}  // namespace spendsync::cli
