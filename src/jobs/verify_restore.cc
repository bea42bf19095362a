#include "jobs/verify_restore.h"

#include <fmt/format.h>

#include "base/exit_code.h"
#include "jobs/sandbox.h"

namespace spendsync::jobs {
namespace {

/// A backup that does not recover is damaged, whatever PostgreSQL calls it.
Error not_restorable(Error error, const repository::Label& label) {
  const bool judged = error.is(ErrorKind::internal) || error.is(ErrorKind::not_found) || error.is(ErrorKind::corrupt);
  auto told = std::move(error).with_context(label.text() + " cannot be recovered");
  return judged ? std::move(told).with_exit_code(kDamaged) : told;
}

}  // namespace

Result<void> check_work_directory(Wiring& wiring, const ProveRequest& request) {
  TRY(work_directory(wiring, request.work_directory));
  return ok();
}

Result<restore::RestoreProof> prove_restorable(Wiring& wiring, const repository::Label& label,
                                               const ProveRequest& request, Progress& progress) {
  RestoreSelection selection{.system_identifier = request.system_identifier, .workers = request.workers};
  selection.words.type = to_string(label.type());
  selection.words.date = label.text();
  const SandboxSettings settings{request.work_directory, false};
  auto sandbox = TRY(plan_sandbox(wiring, selection, settings));
  wiring.context().remark(fmt::format("recovering {} in the sandbox {}", label.text(), sandbox.directory->path()));
  auto recovered = recover_in(sandbox, wiring, selection, settings, progress);
  if (!recovered) return not_restorable(std::move(recovered).error(), label);
  return restore::prove(*sandbox.cluster, {.jobs = wiring.workers(request.workers), .known_roles = known_roles(wiring)},
                        progress, wiring.context().stop);
}

}  // namespace spendsync::jobs
