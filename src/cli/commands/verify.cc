// spendsync-backup verify <type> <date> [--restore]
#include "jobs/verify.h"

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/screen/verify_screen.h"
#include "jobs/verify_restore.h"

namespace spendsync::cli {
namespace {

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

}  // namespace

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

}  // namespace spendsync::cli
