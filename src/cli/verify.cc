// spendsync-backup verify <type> <date>
#include <fmt/format.h>

#include "base/condition.h"
#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/page_failures.h"
#include "cli/selection.h"
#include "cli/verify_restore.h"
#include "repository/verify_objects.h"

namespace spendsync::cli {
namespace {

using repository::Catalog;
using repository::Label;
using repository::VerifyReport;

std::vector<Label> select(const Catalog& catalog, const DateSelection& selection) {
  std::vector<Label> labels;
  for (const auto& entry : catalog.backups()) {
    // One that was taken up again has the label of its first attempt, maybe of the day before.
    bool began_then =
        entry.label.type() == selection.type() && entry.summary && selection.matches(entry.summary->started);
    if (selection.matches(entry.label) || began_then) labels.push_back(entry.label);
  }
  for (const auto& entry : catalog.logs()) {
    if (selection.matches(entry.label)) labels.push_back(entry.label);
  }
  return labels;
}

struct Selected {
  repository::Repository* repository = nullptr;
  Catalog catalog;
  std::vector<Label> labels;
};

/// The present server's backups; where it has none of that date, those of the servers before it.
Result<Selected> select_in(const std::vector<std::unique_ptr<repository::Repository>>& folders,
                           const DateSelection& selection, std::stop_token stop) {
  Selected selected;
  for (const auto& folder : folders) {
    selected.repository = folder.get();
    selected.catalog = TRY(Catalog::load(*folder, stop));
    selected.labels = select(selected.catalog, selection);
    if (!selected.labels.empty()) break;
  }
  return selected;
}

void merge(VerifyReport& total, VerifyReport&& part) {
  total.findings_total += part.findings_total;
  total.objects += part.objects;
  total.bytes += part.bytes;
  total.files += part.files;
  for (auto& finding : part.findings) total.findings.push_back(std::move(finding));
}

Result<VerifyReport> verify_chain(repository::Repository& repository, const Catalog& catalog, std::stop_token stop) {
  VerifyReport report;
  auto findings = TRY(repository::check_chain(repository, catalog, stop));
  for (auto& finding : findings) {
    report.findings.push_back({finding.key, ErrorKind::corrupt, std::move(finding.what)});
  }
  report.findings_total = report.findings.size();
  return report;
}

/// The WAL without which a backup cannot become consistent is part of what is proved.
Result<VerifyReport> verify_label(repository::Repository& repository, const Label& label,
                                  const repository::VerifySettings& settings, std::stop_token stop) {
  if (label.type() == BackupType::transaction_logs) return repository::verify_log(repository, label, settings, stop);
  return repository::verify_backup(repository, label, settings, stop);
}

void print(const Output& output, const VerifyReport& report, size_t labels) {
  for (const auto& finding : report.findings) {
    output.line(fmt::format("DAMAGED  {}: {}", finding.key, finding.what));
  }
  if (report.findings_total > report.findings.size()) {
    output.line(fmt::format("... and {} more", report.findings_total - report.findings.size()));
  }
  output.line(fmt::format("{}: {} backup(s), {} objects, {} read and authenticated, {} files, {} finding(s)",
                          report.clean() ? "verified" : "DAMAGED", labels, report.objects, format_bytes(report.bytes),
                          report.files, report.findings_total));
}

Json to_json(const VerifyReport& report, const std::vector<Label>& labels) {
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

}  // namespace

Result<int> run_verify(const Process& process, const VerifyOptions& options) {
  auto wiring = TRY(Wiring::open(process, options.restore ? Wiring::Access::restores : Wiring::Access::reads));
  const auto selection = TRY(DateSelection::parse(options.type, options.date, wiring->config().schedules.timezone));
  auto folders = TRY(open_cluster_folders(*wiring, options.system_identifier));
  auto selected = TRY(select_in(folders, selection, process.stop));
  const auto& [repository, catalog, labels] = selected;
  if (labels.empty()) {
    return Error(ErrorKind::not_found,
                 "no " + options.type + " backup of " + options.date + " in " + wiring->store().description())
        .with_condition(Condition::no_such_backup)
        .with_hint("`list " + options.type + "` shows those there are");
  }

  auto progress = process.output.progress("verify");
  const repository::VerifySettings settings{.workers = wiring->workers(options.workers), .progress = progress.get()};
  VerifyReport report = TRY(repository::verify_cluster(*repository, settings, process.stop));
  auto chain = TRY(verify_chain(*repository, catalog, process.stop));
  merge(report, std::move(chain));
  for (const auto& label : labels) {
    progress->begin_phase(label.text(), 0, 0);
    auto part = TRY(verify_label(*repository, label, settings, process.stop));
    merge(report, std::move(part));
  }
  progress->finish();

  print(process.output, report, labels.size());
  print_page_failures(process.output, catalog, labels);
  auto fields = to_json(report, labels).set("page_failures", page_failures(catalog, labels));
  int code = report.clean() ? kDone : kDamaged;
  if (options.restore && report.clean()) {
    const auto proofs = TRY(prove_restorable(process, *wiring, options, labels));
    fields.set("proofs", proofs_json(proofs));
    code = exit_code_of(proofs);
  } else if (options.restore) {
    process.output.line("not recovered: what is damaged above comes first");
  }
  process.output.summary("verify", std::move(fields), code);
  return code;
}

}  // namespace spendsync::cli
