#include "jobs/restore.h"

namespace spendsync::jobs {
namespace {

Result<restore::PrepareSettings> prepare_settings_for(const Wiring& wiring, const RestoreJobRequest& request) {
  auto settings = prepare_settings(wiring);
  if (request.target) settings.target = TRY(absolute_path(*request.target));
  if (request.delta) settings.existing = restore::Existing::rewritten;
  settings.original = wiring.config().database.data_directory;
  for (const auto& words : request.tablespaces) {
    auto mapping = TRY(restore::parse_tablespace_mapping(words));
    settings.tablespaces.push_back(std::move(mapping));
  }
  return settings;
}

}  // namespace

Result<ChosenRestore> plan_restore(Wiring& wiring, const RestoreJobRequest& request) {
  const auto parsed = TRY(restore::parse_request(request.selection.words, wiring.config().schedules.timezone));
  const auto prepare = TRY(prepare_settings_for(wiring, request));
  return choose_restore(wiring, request.selection, parsed, prepare);
}

Result<restore::RestoreReport> carry_out_restore(Wiring& wiring, const ChosenRestore& chosen,
                                                 const RestoreJobRequest& request, Progress& progress) {
  TRY(expect_plan(request.plan_id, chosen.plan));
  auto directory = TRY(ScratchDirectory::create("/tmp", "ssb-restore-"));
  const auto command = TRY(provide_restore_command(wiring, directory.path(), request.selection.words.no_start));
  const auto settings = TRY(execute_settings(wiring, request.selection, command));
  auto report =
      TRY(restore::execute_restore(*chosen.repository, chosen.plan, settings, progress, wiring.context().stop));
  remember_duration(wiring, chosen.plan, report);
  return report;
}

}  // namespace spendsync::jobs
