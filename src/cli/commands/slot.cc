// spendsync-backup slot drop
#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "postgres/replication_slot.h"

namespace spendsync::cli {
namespace {

Result<int> run_slot_drop(const Process& process) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::reads));
  const std::string& name = wiring->config().database.slot;
  auto connection = TRY(postgres::Connection::open(wiring->connection()));
  TRY(postgres::drop_slot(connection, name));
  process.output.line(
      "dropped the replication slot " + name +
      ": WAL that is not stored yet is no longer kept by the server; the next backup makes the slot anew");
  process.output.summary("slot drop", Json().set("slot", name), kDone);
  return kDone;
}

}  // namespace

CommandEntry slot_drop_command() {
  return {.name = "drop",
          .description = "remove the slot from the server",
          .examples = {{"slot drop",
                        "the server then keeps WAL for nobody: for a server that is not backed up any "
                        "more"}},
          .run = run_slot_drop};
}

}  // namespace spendsync::cli
