// spendsync-backup verify <type> <date>
#include <fmt/format.h>

#include <algorithm>

#include "base/condition.h"
#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/host_name.h"
#include "cli/page_failures.h"
#include "cli/sandbox.h"
#include "cli/selection.h"
#include "cli/verify_restore.h"
#include "repository/verdicts.h"
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

void merge(VerifyReport& total, const VerifyReport& part) {
  total.findings_total += part.findings_total;
  total.objects += part.objects;
  total.bytes += part.bytes;
  total.files += part.files;
  total.findings.insert(total.findings.end(), part.findings.begin(), part.findings.end());
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

/// What is damaged first; what that takes along is counted, with the ten that weigh most.
void print(const Output& output, const VerifyReport& report, size_t labels) {
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

/// For `list`, `status`, restores and expire. A role that may only read is told, and the verify is none the worse.
void keep_verdicts(const Process& process, repository::Repository& repository,
                   const std::vector<std::pair<Label, VerifyReport>>& reports) {
  auto verdicts = repository::judge(repository.layout(), reports, process.clock.now(), host_name());
  auto kept = repository::put_verdicts(repository, verdicts);
  if (kept) return;
  process.log.warning("the verdict could not be kept: `list` and `expire` do not know of it (" +
                      kept.error().message() + ")");
}

/// What is being verified and what came of it.
struct Run {
  repository::Repository* repository = nullptr;
  Catalog catalog;
  std::vector<Label> labels;
  std::vector<std::pair<Label, VerifyReport>> reports;  // of each label
  VerifyReport total;
};

Result<void> verify_labels(Run& run, const repository::VerifySettings& settings, std::stop_token stop) {
  auto cluster = TRY(repository::verify_cluster(*run.repository, settings, stop));
  merge(run.total, cluster);
  auto chain = TRY(verify_chain(*run.repository, run.catalog, stop));
  merge(run.total, chain);
  for (const auto& label : run.labels) {
    settings.progress->begin_phase(label.text(), 0, 0);
    auto report = TRY(verify_label(*run.repository, label, settings, stop));
    merge(run.total, report);
    run.reports.emplace_back(label, std::move(report));
  }
  return {};
}

/// In one pass, so that what several backups share is read once. A finding counts for the backup in whose folder it
/// lies; one elsewhere (keys, WAL) is told and un-goods none.
Result<void> verify_all(Run& run, const repository::VerifySettings& settings, std::stop_token stop) {
  settings.progress->begin_phase("everything", 0, 0);
  run.total = TRY(repository::verify_everything(*run.repository, settings, stop));
  VerifyReport clean;
  for (const auto& label : run.labels) run.reports.emplace_back(label, clean);
  for (const auto& finding : run.total.findings) {
    for (auto& [label, report] : run.reports) {
      if (!finding.key.starts_with(run.repository->layout().backup_prefix(label))) continue;
      report.findings.push_back(finding);
      ++report.findings_total;
    }
  }
  return {};
}

Result<Run> select_run(const std::vector<std::unique_ptr<repository::Repository>>& folders, const Wiring& wiring,
                       const VerifyOptions& options, std::stop_token stop) {
  Run run;
  if (options.all) {
    run.repository = folders.front().get();
    run.catalog = TRY(Catalog::load(*run.repository, stop));
    for (const auto& entry : run.catalog.backups()) run.labels.push_back(entry.label);
    return run;
  }
  const auto selection = TRY(DateSelection::parse(options.type, options.date, wiring.config().schedules.timezone));
  auto selected = TRY(select_in(folders, selection, stop));
  if (selected.labels.empty()) {
    return Error(ErrorKind::not_found, "no " + options.type + " backup of " + options.date)
        .with_condition(Condition::no_such_backup)
        .with_hint("`list " + options.type + "` shows those there are");
  }
  run.repository = selected.repository;
  run.catalog = std::move(selected.catalog);
  run.labels = std::move(selected.labels);
  return run;
}

}  // namespace

Result<int> run_verify(const Process& process, const VerifyOptions& options) {
  auto wiring = TRY(Wiring::open(process, options.restore ? Wiring::Access::restores : Wiring::Access::reads));
  if (options.restore) TRY(work_directory(*wiring, options.work_directory));  // before all is read
  auto folders = TRY(open_cluster_folders(*wiring, options.system_identifier));
  auto run = TRY(select_run(folders, *wiring, options, process.stop));

  auto progress = process.output.progress("verify");
  const repository::VerifySettings settings{.workers = wiring->workers(options.workers), .progress = progress.get()};
  TRY(options.all ? verify_all(run, settings, process.stop) : verify_labels(run, settings, process.stop));
  progress->finish();
  keep_verdicts(process, *run.repository, run.reports);

  print(process.output, run.total, run.labels.size());
  print_page_failures(process.output, run.catalog, run.labels);
  auto fields = to_json(run.total, run.labels).set("page_failures", page_failures(run.catalog, run.labels));
  int code = run.total.clean() ? kDone : kDamaged;
  if (options.restore && run.total.clean()) {
    const auto proofs = TRY(prove_restorable(process, *wiring, options, run.labels));
    fields.set("proofs", proofs_json(proofs));
    code = exit_code_of(proofs);
  } else if (options.restore) {
    process.output.line("not recovered: what is damaged above comes first");
  }
  process.output.summary("verify", std::move(fields), code);
  return code;
}

}  // namespace spendsync::cli
