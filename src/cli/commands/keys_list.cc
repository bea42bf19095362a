// spendsync-backup keys list
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/keys_screen.h"
#include "jobs/keys.h"

namespace spendsync::cli {
namespace {

Result<int> run_keys_list(const Process& process) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::reads));
  const auto list = TRY(jobs::list_keys(*wiring));
  print(process.output, list);
  const int code = list.overview.damaged.empty() ? kDone : kDamaged;
  process.output.summary("keys list", to_json(list), code);
  return code;
}

}  // namespace

CommandEntry keys_list_command() {
  return {.name = "list",
          .description = "data keys, their class and age, and who can open them",
          .examples = {{"keys list", "tries every wrap with the keys that are here"}},
          .run = run_keys_list};
}

}  // namespace spendsync::cli
