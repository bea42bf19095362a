// spendsync-backup list [backup_type] [days_back]
#include "jobs/list.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/list_screen.h"

namespace spendsync::cli {
namespace {

struct ListOptions {
  std::optional<std::string> type;
  std::optional<unsigned> days_back;
};

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

}  // namespace

CommandEntry list_command() {
  auto o = std::make_shared<ListOptions>();
  return {.name = "list",
          .description = "list the backups that can be restored",
          .arguments = {argument("backup_type", o->type, "full, incremental or transaction_logs")
                            .offers({"full", "incremental", "transaction_logs"}),
                        number_argument("days_back", o->days_back, {0, 36500}, "only those of the last N days")},
          .examples = {{"list", "all of them, with what is wrong with any"},
                       {"list full 30", "full backups of the last 30 days"}},
          .run = [o](const Process& process) { return run_list(process, *o); }};
}

}  // namespace spendsync::cli
