#include "jobs/restore_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "health/restore_measurement.h"
#include "jobs/cluster_folders.h"
#include "jobs/service_user.h"

namespace spendsync::jobs {
namespace {

/// A worker waits for its direct write: half of them decompress meanwhile. Bounded, since each holds about 8 MiB.
unsigned restore_workers(const Wiring& wiring, std::optional<unsigned> asked) {
  unsigned cores = wiring.workers(asked);
  if (asked || wiring.config().workers) return cores;
  return std::min(2 * cores, std::max(cores, 20u));
}

/// The server that recovers runs `wal get`, which must open WAL keys but is handed no secret: it asks this process.
Result<void> lend_escrow_key(Wiring& wiring, const std::string& directory, RestoreCommand& command) {
  if (wiring.escrow_key() == nullptr) return ok();
  const std::string socket = directory + "/keys";
  command.options = {"--escrow-key-socket", socket};
  command.broker = TRY(crypto::KeyBroker::start(*wiring.escrow_key(), socket));
  return ok();
}

Result<void> name_escrow_key(const Wiring& wiring, RestoreCommand& command) {
  const auto& brought = wiring.brought_key();
  if (!brought.file) return ok();
  if (wiring.passphrase_typed()) {
    return Error(ErrorKind::refused,
                 "with --no-start the server recovers later, when nobody is there to type the escrow key's passphrase")
        .with_hint("give it in a file (--escrow-passphrase-file), or restore without --no-start");
  }
  auto key = TRY(absolute_path(*brought.file));
  command.options = {"--escrow-key", key};
  if (!brought.passphrase_file) return ok();
  auto passphrase = TRY(absolute_path(*brought.passphrase_file));
  command.options.insert(command.options.end(), {"--escrow-passphrase-file", passphrase});
  return ok();
}

}  // namespace

Result<ChosenRestore> choose_restore(Wiring& wiring, const RestoreSelection& selection,
                                     const restore::RestoreRequest& request, const restore::PrepareSettings& prepare) {
  auto folders = TRY(open_cluster_folders(wiring, selection.system_identifier));
  std::optional<Error> first;
  for (auto& folder : folders) {
    auto plan = restore::prepare_restore(*folder, request, prepare, wiring.context().stop);
    if (plan) {
      if (first) wiring.context().remark("from a backup of " + describe_earlier(*folder));
      return ChosenRestore{std::move(folder), *std::move(plan)};
    }
    if (!plan.error().is(ErrorKind::not_found)) return std::move(plan).error();
    if (!first) first = std::move(plan).error();
  }
  return *std::move(first);
}

restore::PrepareSettings prepare_settings(const Wiring& wiring) {
  return {.zone = wiring.config().schedules.timezone,
          .target = {},
          .target_directory = wiring.config().restore.target_directory};
}

Result<RestoreCommand> provide_restore_command(Wiring& wiring, const std::string& directory, bool later) {
  RestoreCommand command;
  command.program = TRY(reachable_program(directory));
  TRY(later ? name_escrow_key(wiring, command) : lend_escrow_key(wiring, directory, command));
  return command;
}

Result<restore::ExecuteSettings> execute_settings(const Wiring& wiring, const RestoreSelection& selection,
                                                  const RestoreCommand& command) {
  restore::ExecuteSettings settings;
  settings.workers = restore_workers(wiring, selection.workers);
  settings.program = command.program;
  settings.program_options = command.options;
  settings.configuration = TRY(absolute_path(wiring.loaded().file));
  settings.bin_directory = wiring.config().database.bin_directory.value_or("");
  return settings;
}

Result<void> expect_plan(const std::optional<std::string>& approved, const restore::RestorePlan& plan) {
  if (!approved || *approved == plan.id) return {};
  return Error(ErrorKind::refused, fmt::format("the plan made now is {}, not {}", plan.id, *approved))
      .with_hint(
          "something that decides the result has changed: look at the plan above, and approve it with --plan-id " +
          plan.id);
}

void remember_duration(const Wiring& wiring, const restore::RestorePlan& plan, const restore::RestoreReport& report) {
  if (!report.recovery || !report.complete()) return;
  const auto& backup = plan.target.backup;
  health::RestoreMeasurement measurement;
  measurement.label = backup.label.text();
  measurement.finished = wiring.context().clock.now();
  measurement.duration = std::chrono::duration_cast<std::chrono::milliseconds>(report.duration);
  measurement.restored_bytes = backup.source_bytes;
  measurement.wal_bytes = plan.target.needed_until.value - std::min(plan.target.needed_until, backup.start.lsn).value;
  auto written = health::remember_restore(
      {.state_directory = wiring.state_directory(), .cluster = wiring.config().cluster}, measurement);
  if (!written) {
    wiring.context().log.debug("the duration was not remembered", {{"why", written.error().message()}});
  }
}

}  // namespace spendsync::jobs
