// spendsync-backup dr-test <type>
#include "cli/commands/commands.h"

namespace spendsync::cli {

Result<int> run_dr_test(const Process&, const DrTestOptions& options) {
  return Error(ErrorKind::invalid, "disaster-recovery tests (" + options.type + ") are not part of this version")
      .with_hint("restore into a directory of its own and look: ./restore.sh restore full <date> --target DIR");
}

}  // namespace spendsync::cli
