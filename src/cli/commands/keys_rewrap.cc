// spendsync-backup keys rewrap [--retire ID]
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/screen/keys_screen.h"
#include "jobs/keys.h"

namespace spendsync::cli {

Result<int> run_keys_rewrap(const Process& process, const KeysRewrapOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::adds_wraps));
  const auto report = TRY(jobs::rewrap_keys(*wiring, options.retire));
  print(process.output, report);
  const int code = report.complete() ? kDone : kIncomplete;
  process.output.summary("keys rewrap", to_json(report), code);
  return code;
}

}  // namespace spendsync::cli
