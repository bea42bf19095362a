// spendsync-backup keys rewrap [--retire ID]
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/keys_screen.h"
#include "jobs/keys.h"

namespace spendsync::cli {
namespace {

struct KeysRewrapOptions {
  std::optional<std::string> retire;  // a wrapper's id
};

Result<int> run_keys_rewrap(const Process& process, const KeysRewrapOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::adds_wraps));
  const auto report = TRY(jobs::rewrap_keys(*wiring, options.retire));
  print(process.output, report);
  const int code = report.complete() ? kDone : kIncomplete;
  process.output.summary("keys rewrap", to_json(report), code);
  return code;
}

}  // namespace

CommandEntry keys_rewrap_command() {
  auto o = std::make_shared<KeysRewrapOptions>();
  return {.name = "rewrap",
          .description = "add the wraps that configured keys lack, so that each opens everything; touches no data",
          .options = {option("--retire", "ID", o->retire,
                             "then give up the wraps of this key (its id), where another one opens")},
          .examples = {{"keys rewrap", "after a key was added to encryption.keys"}},
          .run = [o](const Process& process) { return run_keys_rewrap(process, *o); }};
}

}  // namespace spendsync::cli
