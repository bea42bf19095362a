#include "cli/screen/verify_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/screen/page_failures.h"

namespace spendsync::cli {

using repository::Catalog;
using repository::Label;
using repository::VerifyReport;
using restore::ProofCheck;
using restore::RestoreProof;

namespace {

void print_findings(const Output& output, const VerifyReport& report, size_t labels) {
  constexpr size_t kFilesShown = 10;
  std::vector<const repository::Finding*> files;
  for (const auto& finding : report.findings) {
    if (finding.file) {
      files.push_back(&finding);
    } else {
      output.line(fmt::format("DAMAGED  {}: {}", finding.key, finding.what));
    }
  }
  std::ranges::stable_sort(files, std::ranges::greater(), [](const auto* finding) { return finding->file_bytes; });
  if (!files.empty()) output.line(fmt::format("that takes along {} file(s):", files.size()));
  for (size_t i = 0; i < std::min(files.size(), kFilesShown); ++i) {
    output.line(fmt::format("  {:>10}  {}", format_bytes(files[i]->file_bytes), *files[i]->file));
  }
  if (files.size() > kFilesShown) output.line(fmt::format("  and {} smaller ones", files.size() - kFilesShown));
  if (report.findings_total > report.findings.size()) {
    output.line(fmt::format("... and {} more", report.findings_total - report.findings.size()));
  }
  output.line(fmt::format("{}: {} backup(s), {} objects, {} read and authenticated, {} files, {} finding(s)",
                          report.clean() ? "verified" : "DAMAGED", labels, report.objects, format_bytes(report.bytes),
                          report.files, report.findings_total));
}

Json report_json(const VerifyReport& report, const std::vector<Label>& labels) {
  Json json;
  Json names = Json::array();
  for (const auto& label : labels) names.push(label.text());
  Json findings = Json::array();
  for (const auto& finding : report.findings) {
    findings.push(Json().set("object", finding.key).set("kind", to_string(finding.kind)).set("what", finding.what));
  }
  json.set("labels", names).set("clean", report.clean()).set("objects", report.objects).set("bytes", report.bytes);
  return json.set("files", report.files).set("findings_total", report.findings_total).set("findings", findings);
}

/// The repository is whole, and yet the source was not: pages that did not match their checksum when they were read.
void print_page_failures(const Output& output, const Catalog& catalog, const std::vector<Label>& labels) {
  for (const auto& label : labels) {
    const auto* entry = catalog.find(label);
    if (entry == nullptr || !entry->summary || entry->summary->page_failures == 0) continue;
    output.line(fmt::format("warning: {} holds damaged pages of the source, as they were: {}", label.text(),
                            describe_page_failures(*entry->summary)));
    for (const auto& line : page_failure_lines(entry->summary->page_failure_files)) output.line("  " + line);
  }
}

Json page_failures(const Catalog& catalog, const std::vector<Label>& labels) {
  Json all = Json::array();
  for (const auto& label : labels) {
    const auto* entry = catalog.find(label);
    if (entry == nullptr || !entry->summary || entry->summary->page_failures == 0) continue;
    all.push(Json()
                 .set("label", label.text())
                 .set("pages", entry->summary->page_failures)
                 .set("files", page_failures_json(entry->summary->page_failure_files)));
  }
  return all;
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

}  // namespace

void print(const Output& output, const jobs::VerifyOutcome& outcome) {
  print_findings(output, outcome.total, outcome.labels.size());
  print_page_failures(output, outcome.catalog, outcome.labels);
}

Json to_json(const jobs::VerifyOutcome& outcome) {
  return report_json(outcome.total, outcome.labels)
      .set("page_failures", page_failures(outcome.catalog, outcome.labels));
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

Json proofs_json(const std::vector<RestoreProof>& proofs) {
  Json all = Json::array();
  for (const auto& proof : proofs) all.push(restore::to_json(proof));
  return all;
}

}  // namespace spendsync::cli
