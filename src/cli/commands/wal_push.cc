// spendsync-backup wal push %p
#include "jobs/wal_push.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "wal/archive_backlog.h"

namespace spendsync::cli {
namespace {

struct WalPushOptions {
  std::string path;
};

Result<wal::PushOutcome> push(const Process& process, const std::string& path) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  return jobs::push_wal(*wiring, path);
}

/// Our standard error is in PostgreSQL's log: whoever reads why archiving fails must see how long there is time.
void warn_of_backlog(const Process& process, const std::string& path) {
  auto slash = path.rfind('/');
  auto backlog = wal::read_archive_backlog(slash == std::string::npos ? "." : path.substr(0, slash));
  if (backlog && backlog->segments > 0) process.log.warning(backlog->describe());
}

Result<int> run_wal_push(const Process& process, const WalPushOptions& options) {
  const auto outcome = push(process, options.path);
  if (!outcome) {
    warn_of_backlog(process, options.path);
    // PostgreSQL writes our standard error into its log; the exit code keeps the segment and has it pushed again.
    return Error(outcome.error())
        .with_context("pushing " + options.path)
        .with_exit_code(wal::push_exit_code(Error(outcome.error()).with_exit_code(exit_code(outcome.error(), 0))));
  }
  const bool known = outcome->outcome == repository::PutOutcome::already_identical;
  process.log.debug("pushed " + outcome->file_name + (known ? " (identical, stored before)" : ""));
  process.output.summary(
      "wal push", Json().set("file", outcome->file_name).set("bytes", outcome->bytes).set("already_stored", known),
      kDone);
  return kDone;
}

}  // namespace

CommandEntry wal_push_command() {
  auto o = std::make_shared<WalPushOptions>();
  return {.name = "push",
          .description = "store one WAL file: archive_command = '... wal push %p'",
          .arguments = {argument("path", o->path, "%p").required()},
          .examples = {{"wal push pg_wal/000000010000000000000003", "as PostgreSQL calls it"}},
          .run = [o](const Process& process) { return run_wal_push(process, *o); }};
}

}  // namespace spendsync::cli
