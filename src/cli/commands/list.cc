// spendsync-backup list [backup_type] [days_back]
#include "jobs/list.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/screen/list_screen.h"

namespace spendsync::cli {

Result<int> run_list(const Process& process, const ListOptions& options) {
  jobs::ListRequest request{.days_back = options.days_back};
  if (options.type) {
    auto type = parse_backup_type(*options.type);
    if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
    request.type = *type;
  }
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::reads));
  const auto list = TRY(jobs::list_backups(*wiring, request));
  print(process.output, list,
        {.zone = wiring->config().schedules.timezone,
         .place = wiring->store().description(),
         .narrowed = options.type || options.days_back});
  const int code = list.damaged() ? kDamaged : kDone;
  process.output.summary("list", to_json(list), code);
  return code;
}

}  // namespace spendsync::cli
