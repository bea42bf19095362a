// spendsync-backup backup full | incremental | transaction_logs
#include <fmt/format.h>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/backup_screen.h"
#include "jobs/database_backup.h"
#include "jobs/transaction_logs.h"

namespace spendsync::cli {
namespace {

struct BackupOptions {
  std::string type;
  bool skip_unreadable = false;
  bool no_resume = false;
  std::optional<uint64_t> throttle;  // bytes a second
  std::optional<unsigned> workers;
};

template <class Report>
int finish(const Process& process, Wiring& wiring, const std::string& command, const Report& report, int code) {
  auto summary = to_json(report);
  const auto expiry = jobs::expire_after_backup(wiring);
  print(process.output, expiry);
  summary.set("expire", to_json(expiry));
  process.output.summary(command, std::move(summary), code);
  return code;
}

Result<int> back_up_database(const Process& process, const BackupOptions& options, BackupType type) {
  const auto command = fmt::format("backup {}", to_string(type));
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  auto progress = process.output.progress(command);
  const auto report = TRY(jobs::back_up_database(*wiring,
                                                 {.type = type,
                                                  .skip_unreadable = options.skip_unreadable,
                                                  .resume = !options.no_resume,
                                                  .throttle = options.throttle,
                                                  .workers = options.workers},
                                                 *progress));
  progress->finish();
  print(process.output, report, wiring->config().schedules.timezone);
  return finish(process, *wiring, command, report, report.complete() ? kDone : kIncomplete);
}

Result<int> back_up_transaction_logs(const Process& process, const BackupOptions& options) {
  const std::string command = "backup transaction_logs";
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  auto progress = process.output.progress(command);
  const auto outcome = TRY(
      jobs::back_up_transaction_logs(*wiring, {.throttle = options.throttle, .workers = options.workers}, *progress));
  progress->finish();
  print(process.output, outcome);
  return finish(process, *wiring, command, outcome, kDone);
}

Result<int> run_backup(const Process& process, const BackupOptions& options) {
  auto type = parse_backup_type(options.type);
  if (!type) return std::move(type).error().with_hint("types are full, incremental and transaction_logs");
  if (*type == BackupType::transaction_logs) return back_up_transaction_logs(process, options);
  return back_up_database(process, options, *type);
}

}  // namespace

CommandEntry backup_command() {
  auto o = std::make_shared<BackupOptions>();
  return {.name = "backup",
          .description = "take a backup: full, incremental or transaction_logs",
          .options = {flag("--skip-unreadable", o->skip_unreadable,
                           "list the backup as incomplete when a configured path cannot be read, instead of refusing"),
                      flag("--no-resume", o->no_resume,
                           "full: begin afresh, even if an interrupted full backup could be resumed"),
                      rate("--throttle", o->throttle, "send no faster, as '20 MiB/s' (default: storage.upload_limit)"),
                      number("--workers", o->workers, {1, 256}, "threads (default: one a core)")},
          .arguments = {argument("type", o->type, "full, incremental or transaction_logs")
                            .offers({"full", "incremental", "transaction_logs"})
                            .required()},
          .examples = {{"backup full", "everything: the database, configured files, and the WAL in between"},
                       {"backup incremental", "what has changed since the last full backup"},
                       {"backup transaction_logs", "the WAL written since: run it every few hours, or more often"}},
          .run = [o](const Process& process) { return run_backup(process, *o); },
          .title = [o] { return "backup " + o->type; }};
}

}  // namespace spendsync::cli
