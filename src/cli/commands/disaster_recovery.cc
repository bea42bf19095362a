// spendsync-backup dr-test <type>
#include "cli/commands/commands.h"
#include "cli/process.h"

namespace spendsync::cli {
namespace {

struct DrTestOptions {
  std::string type;
};

Result<int> run_dr_test(const Process&, const DrTestOptions& options) {
  return Error(ErrorKind::invalid, "disaster-recovery tests (" + options.type + ") are not part of this version")
      .with_hint("restore into a directory of its own and look: ./restore.sh restore full <date> --target DIR");
}

}  // namespace

CommandEntry dr_test_command() {
  auto o = std::make_shared<DrTestOptions>();
  return {.name = "dr-test",
          .description = "disaster-recovery tests",
          .arguments = {argument("type", o->type, "database, application or system")
                            .offers({"database", "application", "system"})
                            .required()},
          .run = [o](const Process& process) { return run_dr_test(process, *o); }};
}

}  // namespace spendsync::cli
