// spendsync-backup verify <type> <date>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/selection.h"
#include "repository/verify_objects.h"

namespace spendsync::cli {
namespace {

using repository::Catalog;
using repository::Label;
using repository::VerifyReport;

std::vector<Label> select(const Catalog& catalog, const DateSelection& selection) {
  std::vector<Label> labels;
  for (const auto& entry : catalog.backups()) {
    if (selection.matches(entry.label)) labels.push_back(entry.label);
  }
  for (const auto& entry : catalog.logs()) {
    if (selection.matches(entry.label)) labels.push_back(entry.label);
  }
  return labels;
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

}  // namespace

Result<int> run_verify(const Process& process, const VerifyOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::reads));
  const auto selection = TRY(DateSelection::parse(options.type, options.date, wiring->config().schedules.timezone));
  auto repository = TRY(wiring->open_repository());
  const auto catalog = TRY(Catalog::load(*repository, process.stop));
  const auto labels = select(catalog, selection);
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
  const int code = report.clean() ? kDone : kDamaged;
  process.output.summary("verify", to_json(report, labels), code);
  return code;
}

}  // namespace spendsync::cli
