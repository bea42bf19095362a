// spendsync-backup keys list
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/screen/keys_screen.h"
#include "jobs/keys.h"

namespace spendsync::cli {

Result<int> run_keys_list(const Process& process) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::reads));
  const auto list = TRY(jobs::list_keys(*wiring));
  print(process.output, list);
  const int code = list.overview.damaged.empty() ? kDone : kDamaged;
  process.output.summary("keys list", to_json(list), code);
  return code;
}

}  // namespace spendsync::cli
