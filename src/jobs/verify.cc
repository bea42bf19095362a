#include "jobs/verify.h"

#include "base/condition.h"
#include "jobs/cluster_folders.h"
#include "jobs/host_name.h"
#include "jobs/selection.h"
#include "repository/verdicts.h"

namespace spendsync::jobs {
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

/// For `list`, `status`, restores and expire. A role that may only read is told, and the verify is none the worse.
void keep_verdicts(const Context& context, repository::Repository& repository,
                   const std::vector<std::pair<Label, VerifyReport>>& reports) {
  auto verdicts = repository::judge(repository.layout(), reports, context.clock.now(), host_name());
  auto kept = repository::put_verdicts(repository, verdicts);
  if (kept) return;
  context.log.warning("the verdict could not be kept: `list` and `expire` do not know of it (" +
                      kept.error().message() + ")");
}

struct Run {
  repository::Repository* repository = nullptr;
  VerifyOutcome outcome{};
};

Result<void> verify_labels(Run& run, const repository::VerifySettings& settings, std::stop_token stop) {
  auto cluster = TRY(repository::verify_cluster(*run.repository, settings, stop));
  merge(run.outcome.total, cluster);
  auto chain = TRY(verify_chain(*run.repository, run.outcome.catalog, stop));
  merge(run.outcome.total, chain);
  for (const auto& label : run.outcome.labels) {
    settings.progress->begin_phase(label.text(), 0, 0);
    auto report = TRY(verify_label(*run.repository, label, settings, stop));
    merge(run.outcome.total, report);
    run.outcome.reports.emplace_back(label, std::move(report));
  }
  return {};
}

/// In one pass, so that what several backups share is read once. A finding counts for the backup in whose folder it
/// lies; one elsewhere (keys, WAL) is told and un-goods none.
Result<void> verify_all(Run& run, const repository::VerifySettings& settings, std::stop_token stop) {
  settings.progress->begin_phase("everything", 0, 0);
  run.outcome.total = TRY(repository::verify_everything(*run.repository, settings, stop));
  VerifyReport clean;
  for (const auto& label : run.outcome.labels) run.outcome.reports.emplace_back(label, clean);
  for (const auto& finding : run.outcome.total.findings) {
    for (auto& [label, report] : run.outcome.reports) {
      if (!finding.key.starts_with(run.repository->layout().backup_prefix(label))) continue;
      report.findings.push_back(finding);
      ++report.findings_total;
    }
  }
  return {};
}

Result<Run> select_run(const std::vector<std::unique_ptr<repository::Repository>>& folders, const Wiring& wiring,
                       const VerifyRequest& request, std::stop_token stop) {
  Run run;
  if (request.all) {
    run.repository = folders.front().get();
    run.outcome.catalog = TRY(Catalog::load(*run.repository, stop));
    for (const auto& entry : run.outcome.catalog.backups()) run.outcome.labels.push_back(entry.label);
    return run;
  }
  const auto selection = TRY(DateSelection::parse(request.type, request.date, wiring.config().schedules.timezone));
  auto selected = TRY(select_in(folders, selection, stop));
  if (selected.labels.empty()) {
    return Error(ErrorKind::not_found, "no " + request.type + " backup of " + request.date)
        .with_condition(Condition::no_such_backup)
        .with_hint("`list " + request.type + "` shows those there are");
  }
  run.repository = selected.repository;
  run.outcome.catalog = std::move(selected.catalog);
  run.outcome.labels = std::move(selected.labels);
  return run;
}

}  // namespace

Result<VerifyOutcome> verify(Wiring& wiring, const VerifyRequest& request, Progress& progress) {
  const auto& context = wiring.context();
  auto folders = TRY(open_cluster_folders(wiring, request.system_identifier));
  auto run = TRY(select_run(folders, wiring, request, context.stop));
  const repository::VerifySettings settings{.workers = wiring.workers(request.workers), .progress = &progress};
  TRY(request.all ? verify_all(run, settings, context.stop) : verify_labels(run, settings, context.stop));
  keep_verdicts(context, *run.repository, run.outcome.reports);
  return std::move(run.outcome);
}

}  // namespace spendsync::jobs
