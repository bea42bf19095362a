#include "restore/restore_proof.h"

#include <fmt/format.h>
#include <unistd.h>

#include "postgres/control_file.h"
#include "restore/proof_checks.h"

namespace spendsync::restore {
namespace {

ProofCheck undone(const std::string& name, ProofCheck::State state, const std::string& why) {
  return {.name = name, .state = state, .why = why};
}

/// Before the server starts; named by relation afterwards.
Result<ProofCheck> begin_checksums(const RecoveredCluster& cluster, ChecksumResult& result, std::stop_token stop) {
  const std::string name = "pg_checksums";
  const auto control = TRY(postgres::read_control_file(cluster.data_directory()));
  if (control.control.data_checksum_version == 0) {
    return undone(name, ProofCheck::State::not_needed, "data checksums are off in this cluster");
  }
  if (::access((cluster.bin_directory() + "/" + name).c_str(), X_OK) != 0) {
    return undone(name, ProofCheck::State::not_done, cluster.bin_directory() + "/" + name + " is not there");
  }
  result = TRY(run_pg_checksums(cluster, stop));
  if (!result.pages) return undone(name, ProofCheck::State::not_done, result.last_line);
  ProofCheck check{.name = name};
  check.checked = *result.pages;
  check.unit = "pages";
  return check;
}

std::string_view to_string(ProofCheck::State state) {
  switch (state) {
    case ProofCheck::State::done:
      return "done";
    case ProofCheck::State::not_needed:
      return "not_needed";
    case ProofCheck::State::not_done:
      return "not_done";
  }
  return "";
}

}  // namespace

void ProofCheck::add(ProofFinding finding) {
  ++findings_total;
  if (finding.in_source) ++in_source;
  if (findings.size() < kFindingsKept) findings.push_back(std::move(finding));
}

uint64_t RestoreProof::findings_total() const {
  uint64_t total = 0;
  for (const auto& check : checks) total += check.findings_total;
  return total;
}

uint64_t RestoreProof::in_source() const {
  uint64_t total = 0;
  for (const auto& check : checks) total += check.in_source;
  return total;
}

Result<RestoreProof> prove(RecoveredCluster& cluster, const ProofSettings& settings, Progress& progress,
                           std::stop_token stop) {
  SystemClock clock;
  const auto begun = clock.monotonic();
  const SourceDamage source(cluster.backup());
  RestoreProof proof;
  proof.backup = cluster.report().backup;
  proof.target = cluster.report().target;
  if (cluster.report().recovery) proof.last_commit = cluster.report().recovery->last_commit;
  progress.begin_phase("pg_checksums", 0);
  ChecksumResult pages;
  auto checksums = TRY(begin_checksums(cluster, pages, stop));
  TRY(cluster.start(settings.known_roles, stop));
  TRY(name_failed_pages(cluster, pages, source, checksums, stop));
  proof.checks.push_back(std::move(checksums));
  for (const auto& what : cluster.report().unusable) {
    proof.checks.push_back(undone("databases", ProofCheck::State::not_done, what));
  }
  progress.begin_phase("relation files", 0);
  auto files = TRY(check_relation_files(cluster, stop));
  proof.checks.push_back(std::move(files));
  progress.begin_phase("pg_amcheck", 0);
  auto amcheck = TRY(run_pg_amcheck(cluster, source, settings.jobs, stop));
  proof.checks.push_back(std::move(amcheck));
  progress.begin_phase("pg_visibility", 0);
  auto visibility = TRY(check_visibility_maps(cluster, source, stop));
  proof.checks.push_back(std::move(visibility));
  for (const auto& check : proof.checks) {
    if (check.state == ProofCheck::State::not_done) proof.complete = false;
    if (check.findings_total != 0) proof.sound = false;
  }
  proof.duration = cluster.report().duration + (clock.monotonic() - begun);
  return proof;
}

Json to_json(const RestoreProof& proof) {
  Json checks = Json::array();
  for (const auto& check : proof.checks) {
    Json findings = Json::array();
    for (const auto& finding : check.findings) {
      findings.push(Json()
                        .set("database", finding.database)
                        .set("relation", finding.relation)
                        .set("what", finding.what)
                        .set("in_source", finding.in_source));
    }
    Json json;
    json.set("name", check.name).set("state", std::string(to_string(check.state))).set("why", check.why);
    json.set("checked", check.checked).set("unit", check.unit).set("findings_total", check.findings_total);
    checks.push(json.set("in_source", check.in_source).set("findings", std::move(findings)));
  }
  Json json;
  json.set("label", proof.backup).set("target", proof.target).set("proven", proof.proven());
  json.set("complete", proof.complete).set("sound", proof.sound);
  json.set("last_commit", proof.last_commit ? Json(format_utc(*proof.last_commit)) : Json());
  json.set("duration_seconds", std::chrono::duration<double>(proof.duration).count());
  return json.set("checks", std::move(checks));
}

}  // namespace spendsync::restore
