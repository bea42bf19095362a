#include "cli/verify_restore.h"

#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/sandbox.h"

namespace spendsync::cli {
namespace {

using restore::ProofCheck;
using restore::RestoreProof;

RestoreOptions selection_of(const VerifyOptions& options, const repository::Label& label) {
  RestoreOptions selection;
  selection.type = to_string(label.type());
  selection.date = label.text();
  selection.system_identifier = options.system_identifier;
  selection.workers = options.workers;
  return selection;
}

/// A backup that does not recover is damaged, whatever PostgreSQL calls it.
Error not_restorable(Error error, const repository::Label& label) {
  const bool judged = error.is(ErrorKind::internal) || error.is(ErrorKind::not_found) || error.is(ErrorKind::corrupt);
  auto told = std::move(error).with_context(label.text() + " cannot be recovered");
  return judged ? std::move(told).with_exit_code(kDamaged) : told;
}

std::string verdict_of(const RestoreProof& proof) {
  const auto duration = format_duration(std::chrono::duration_cast<std::chrono::microseconds>(proof.duration));
  if (!proof.sound) {
    return fmt::format(
        "DAMAGED: {} can be recovered, but {} finding(s) in the recovered copy, {} of them recorded when "
        "it was backed up ({})",
        proof.backup, proof.findings_total(), proof.in_source(), duration);
  }
  if (!proof.complete) return fmt::format("recovered, not wholly checked: {} in {}", proof.backup, duration);
  return fmt::format("proven restorable: {} in {}", proof.backup, duration);
}

std::string result_of(const ProofCheck& check) {
  const auto counts = fmt::format("{} {} checked, {} finding(s)", check.checked, check.unit, check.findings_total);
  if (check.state == ProofCheck::State::not_needed) return "not needed: " + check.why;
  if (check.state == ProofCheck::State::done) return counts + (check.why.empty() ? "" : "; " + check.why);
  return "NOT CHECKED: " + check.why + (check.findings_total == 0 ? std::string() : "; " + counts);
}

void print_findings(const Output& output, const ProofCheck& check) {
  for (const auto& finding : check.findings) {
    const auto database = finding.database.empty() ? std::string() : "database " + finding.database + ", ";
    const auto relation = finding.relation.empty() ? std::string() : "relation " + finding.relation + ": ";
    output.line(fmt::format("  DAMAGED       {}{}{}{}", database, relation, finding.what,
                            finding.in_source ? " (was already so in the source when it was backed up)" : ""));
  }
  if (check.findings_total > check.findings.size()) {
    output.line(fmt::format("  ... and {} more of {}", check.findings_total - check.findings.size(), check.name));
  }
}

void print(const Output& output, const RestoreProof& proof) {
  output.line(verdict_of(proof));
  output.line(fmt::format("  {:<14} {}", "as of", proof.target));
  for (const auto& check : proof.checks) output.line(fmt::format("  {:<14} {}", check.name, result_of(check)));
  for (const auto& check : proof.checks) print_findings(output, check);
  if (proof.sound) return;
  output.line(proof.in_source() == proof.findings_total()
                  ? "  next          mend the source (pg_amcheck there tells what is left), then take a full backup"
                  : "  next          run pg_amcheck on the source: where it finds the same, mend it and take a full "
                    "backup; where not, keep an older backup with `pin` and take a full one now");
}

Result<RestoreProof> prove_one(const Process& process, Wiring& wiring, const VerifyOptions& options,
                               const repository::Label& label) {
  const auto selection = selection_of(options, label);
  const SandboxSettings settings{options.work_directory, false};
  auto sandbox = TRY(plan_sandbox(process, wiring, selection, settings));
  process.output.remark(fmt::format("recovering {} in the sandbox {}", label.text(), sandbox.directory->path()));
  auto progress = process.output.progress("verify");
  auto recovered = recover_in(sandbox, process, wiring, selection, settings, *progress);
  if (!recovered) return not_restorable(std::move(recovered).error(), label);
  auto proof = TRY(restore::prove(*sandbox.cluster,
                                  {.jobs = wiring.workers(options.workers), .known_roles = known_roles(wiring)},
                                  *progress, process.stop));
  progress->finish();
  return proof;
}

}  // namespace

Result<std::vector<RestoreProof>> prove_restorable(const Process& process, Wiring& wiring, const VerifyOptions& options,
                                                   const std::vector<repository::Label>& labels) {
  std::vector<RestoreProof> proofs;
  for (const auto& label : labels) {
    auto proof = TRY(prove_one(process, wiring, options, label));
    print(process.output, proof);
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

int exit_code_of(const std::vector<RestoreProof>& proofs) {
  int code = kDone;
  for (const auto& proof : proofs) {
    if (!proof.sound) return kDamaged;
    if (!proof.complete) code = kIncomplete;
  }
  return code;
}

Json proofs_json(const std::vector<RestoreProof>& proofs) {
  Json all = Json::array();
  for (const auto& proof : proofs) all.push(restore::to_json(proof));
  return all;
}

}  // namespace spendsync::cli
