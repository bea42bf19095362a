// spendsync-backup verify <type> <date> [--restore]
#include "jobs/verify.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/commands/restore_options.h"
#include "cli/process.h"
#include "cli/screen/verify_screen.h"
#include "jobs/verify_restore.h"

namespace spendsync::cli {
namespace {

struct VerifyOptions {
  std::string type;  // this and the date empty: with `all`
  std::string date;
  bool all = false;
  bool restore = false;
  std::optional<std::string> work_directory;
  std::optional<std::string> system_identifier;
  std::optional<unsigned> workers;
};

using restore::RestoreProof;

/// One after the other, each told when it is done.
Result<std::vector<RestoreProof>> prove_all(const Process& process, Wiring& wiring, const jobs::ProveRequest& request,
                                            const std::vector<repository::Label>& labels) {
  std::vector<RestoreProof> proofs;
  for (const auto& label : labels) {
    auto progress = process.output.progress("verify");
    auto proof = TRY(jobs::prove_restorable(wiring, label, request, *progress));
    progress->finish();
    print(process.output, proof);
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

/// 8 for damage, 3 where a check could not be made, else 0.
int exit_code_of(const std::vector<RestoreProof>& proofs) {
  int code = kDone;
  for (const auto& proof : proofs) {
    if (!proof.sound) return kDamaged;
    if (!proof.complete) code = kIncomplete;
  }
  return code;
}

Result<int> run_verify(const Process& process, const VerifyOptions& options) {
  const jobs::ProveRequest prove{.work_directory = options.work_directory,
                                 .system_identifier = options.system_identifier,
                                 .workers = options.workers};
  auto wiring =
      TRY(Wiring::open(process, process.sources(), options.restore ? Wiring::Access::restores : Wiring::Access::reads));
  if (options.restore) TRY(jobs::check_work_directory(*wiring, prove));  // before all is read
  auto progress = process.output.progress("verify");
  const auto outcome = TRY(jobs::verify(*wiring,
                                        {.type = options.type,
                                         .date = options.date,
                                         .all = options.all,
                                         .system_identifier = options.system_identifier,
                                         .workers = options.workers},
                                        *progress));
  progress->finish();
  print(process.output, outcome);
  auto fields = to_json(outcome);
  int code = outcome.total.clean() ? kDone : kDamaged;
  if (options.restore && outcome.total.clean()) {
    const auto proofs = TRY(prove_all(process, *wiring, prove, outcome.labels));
    fields.set("proofs", proofs_json(proofs));
    code = exit_code_of(proofs);
  } else if (options.restore) {
    process.output.line("not recovered: what is damaged above comes first");
  }
  process.output.summary("verify", std::move(fields), code);
  return code;
}

}  // namespace

CommandEntry verify_command() {
  auto o = std::make_shared<VerifyOptions>();
  return {
      .name = "verify",
      .description = "read back everything a backup consists of",
      .options = {flag("--all", o->all, "every object of the cluster: all backups, all WAL, keys, history files, marks")
                      .excludes({"type", "date"}),
                  flag("--restore", o->restore,
                       "then recover it in a sandbox and run pg_checksums, pg_amcheck and pg_visibility's checks there")
                      .excludes({"--all"}),
                  work_directory(o->work_directory).needs("--restore"), system_identifier(o->system_identifier),
                  number("--workers", o->workers, {1, 256}, "threads (default: one a core)")},
      .arguments = {argument("type", o->type, "full, incremental or transaction_logs")
                        .offers({"full", "incremental", "transaction_logs"}),
                    argument("date", o->date, "YYYYMMDD in the configured time zone, or a whole label")},
      .examples = {{"verify full 20240315", "reads and authenticates every object of that day's full backup"},
                   {"verify full 20240315 --restore", "proves that it recovers, in a sandbox that is thrown away"},
                   {"verify --all", "everything that the repository holds"}},
      .check = [o]() -> Result<void> {
        if (o->all || !o->date.empty()) return ok();
        return Error(ErrorKind::invalid, "type and date, such as `verify full 20240315`, or --all is required");
      },
      .run = [o](const Process& process) { return run_verify(process, *o); }};
}

}  // namespace spendsync::cli
