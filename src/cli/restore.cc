// spendsync-backup restore <type> <date> [point_in_time]
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/scratch_directory.h"
#include "cli/cluster_folders.h"
#include "cli/exit_code.h"
#include "cli/restore_steps.h"
#include "cli/service_user.h"
#include "monitoring/restore_measurement.h"

namespace spendsync::cli {
namespace {

/// A worker waits for its direct write: half of them decompress meanwhile. Bounded, since each holds about 8 MiB.
unsigned restore_workers(const Wiring& wiring, std::optional<unsigned> asked) {
  unsigned cores = wiring.workers(asked);
  if (asked || wiring.config().workers) return cores;
  return std::min(2 * cores, std::max(cores, 20u));
}

/// Options that contradict each other are told before anything is read.
Result<void> check_options(const RestoreOptions& options) {
  auto invalid = [](const std::string& message, const std::string& hint) {
    return Error(ErrorKind::invalid, message).with_hint(hint);
  };
  if (options.in_place && options.target) return invalid("--in-place and --target exclude each other", "");
  if (options.in_place && options.files_only) {
    return invalid("--in-place is for the database: captured files alone are restored beside", "leave --in-place out");
  }
  if (options.delta && !options.in_place && !options.target) {
    return invalid("--delta needs to know which data directory to rewrite", "say --target DIR, or --in-place");
  }
  if (options.yes && !options.in_place) return invalid("--yes answers what only --in-place asks", "leave it out");
  return {};
}

Result<restore::PrepareSettings> prepare_settings_for(const Wiring& wiring, const RestoreOptions& options) {
  auto settings = prepare_settings(wiring);
  if (options.target) settings.target = TRY(absolute_path(*options.target));
  if (options.delta) settings.existing = restore::Existing::rewritten;
  settings.original = wiring.config().database.data_directory;
  for (const auto& words : options.tablespaces) {
    auto mapping = TRY(restore::parse_tablespace_mapping(words));
    settings.tablespaces.push_back(std::move(mapping));
  }
  return settings;
}

}  // namespace

restore::RequestWords request_words(const RestoreOptions& options) {
  restore::RequestWords words;
  words.type = options.type;
  words.date = options.date;
  words.point_in_time = options.point_in_time;
  words.latest = options.latest;
  words.up_to_what_is_there = options.up_to_what_is_there;
  words.target_lsn = options.target_lsn;
  words.inclusive = options.inclusive;
  words.exclusive = options.exclusive;
  words.target_xid = options.target_xid;
  words.target_name = options.target_name;
  words.target_timeline = options.target_timeline;
  words.immediate = options.immediate;
  words.files_only = options.files_only;
  words.database_only = options.database_only;
  words.start = options.start;
  words.no_start = options.no_start;
  return words;
}

Result<ChosenRestore> choose_restore(const Process& process, Wiring& wiring, const RestoreOptions& options,
                                     const restore::RestoreRequest& request, const restore::PrepareSettings& prepare) {
  auto folders = TRY(open_cluster_folders(wiring, options.system_identifier));
  std::optional<Error> first;
  for (auto& folder : folders) {
    auto plan = restore::prepare_restore(*folder, request, prepare, process.stop);
    if (plan) {
      if (first) process.output.line("from a backup of " + describe_earlier(*folder));
      return ChosenRestore{std::move(folder), *std::move(plan)};
    }
    if (!plan.error().is(ErrorKind::not_found)) return std::move(plan).error();
    if (!first) first = std::move(plan).error();
  }
  return *std::move(first);
}

Result<restore::ExecuteSettings> execute_settings(const Wiring& wiring, const RestoreOptions& options,
                                                  const std::string& program) {
  restore::ExecuteSettings settings;
  settings.workers = restore_workers(wiring, options.workers);
  settings.program = program;
  settings.configuration = TRY(absolute_path(wiring.loaded().file));
  settings.bin_directory = wiring.config().database.bin_directory.value_or("");
  return settings;
}

restore::PrepareSettings prepare_settings(const Wiring& wiring) {
  return {.zone = wiring.config().schedules.timezone,
          .target = {},
          .target_directory = wiring.config().restore.target_directory};
}

void print_plan(const Process& process, const restore::RestorePlan& plan, const TimeZone& zone) {
  for (const auto& line : restore::to_lines(plan, zone)) process.output.line(line);
  if (process.global.json) {
    std::fputs((Json().set("event", "plan").set("plan", restore::to_json(plan, zone)).dump() + "\n").c_str(), stdout);
    std::fflush(stdout);
  }
}

void remember_duration(const Process& process, const Wiring& wiring, const restore::RestorePlan& plan,
                       const restore::RestoreReport& report) {
  if (!report.recovery || !report.complete()) return;
  const auto& backup = plan.target.backup;
  monitoring::RestoreMeasurement measurement;
  measurement.label = backup.label.text();
  measurement.finished = process.clock.now();
  measurement.duration = std::chrono::duration_cast<std::chrono::milliseconds>(report.duration);
  measurement.restored_bytes = backup.source_bytes;
  measurement.wal_bytes = plan.target.needed_until.value - std::min(plan.target.needed_until, backup.start.lsn).value;
  auto written = monitoring::remember_restore(
      {.state_directory = wiring.state_directory(), .cluster = wiring.config().cluster}, measurement);
  if (!written) process.log.debug("the duration was not remembered", {{"why", written.error().message()}});
}

Result<void> check_plan_id(const RestoreOptions& options, const restore::RestorePlan& plan) {
  if (!options.plan_id || *options.plan_id == plan.id) return {};
  return Error(ErrorKind::refused, fmt::format("the plan made now is {}, not {}", plan.id, *options.plan_id))
      .with_hint(
          "something that decides the result has changed: look at the plan above, and approve it with --plan-id " +
          plan.id);
}

int print_report(const Process& process, const restore::RestoreReport& report, const TimeZone& zone, Json fields,
                 const std::string& command) {
  for (const auto& line : restore::to_lines(report, zone)) process.output.line(line);
  const int code = report.complete() ? kDone : kIncomplete;
  process.output.summary(command, std::move(fields), code);
  return code;
}

Result<int> run_restore(const Process& process, const RestoreOptions& options) {
  TRY(check_options(options));
  auto wiring = TRY(Wiring::open(process, Wiring::Access::restores));
  wiring->limit_rates({.download = options.throttle.value_or(0)});
  const auto& zone = wiring->config().schedules.timezone;
  const auto request = TRY(restore::parse_request(request_words(options), zone));
  if (options.in_place) return run_restore_in_place(process, *wiring, options, request);

  const auto prepare = TRY(prepare_settings_for(*wiring, options));
  const auto chosen = TRY(choose_restore(process, *wiring, options, request, prepare));
  const auto& plan = chosen.plan;
  print_plan(process, plan, zone);
  if (options.plan_only) {
    process.output.summary("restore", Json().set("plan", restore::to_json(plan, zone)), kDone);
    return kDone;
  }

  TRY(check_plan_id(options, plan));
  // The server that recovers runs this program as restore_command: it needs a path that its user can reach.
  auto directory = TRY(ScratchDirectory::create("/tmp", "ssb-restore-"));
  const auto program = TRY(reachable_program(directory.path()));
  auto settings = TRY(execute_settings(*wiring, options, program));
  const auto broker = TRY(provide_escrow_key(process, *wiring, options, directory.path(), settings));
  auto progress = process.output.progress("restore");
  const auto report = TRY(restore::execute_restore(*chosen.repository, plan, settings, *progress, process.stop));
  progress->finish();
  remember_duration(process, *wiring, plan, report);
  return print_report(process, report, zone, restore::to_json(report, zone));
}

}  // namespace spendsync::cli
