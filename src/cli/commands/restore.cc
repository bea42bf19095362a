// spendsync-backup restore <type> <date> [point_in_time]
#include "jobs/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/commands/restore_options.h"
#include "cli/screen/restore_screen.h"
#include "jobs/restore_in_place.h"

namespace spendsync::cli {
namespace {

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

/// Typed by whoever means it, or --yes.
Result<void> confirm(const Process& process, bool yes, const std::string& cluster, const std::string& data) {
  if (yes) return {};
  if (::isatty(STDIN_FILENO) == 0) {
    return Error(ErrorKind::refused, fmt::format("--in-place replaces {}, and nobody can be asked here", data))
        .with_hint("say --yes when that is meant");
  }
  std::cerr << fmt::format("\nThis stops the server on {} and replaces it.\nType the cluster's name ({}) to go on: ",
                           data, cluster)
            << std::flush;
  std::string typed;
  std::getline(std::cin, typed);
  if (typed == cluster) return {};
  process.output.remark("nothing was changed");
  return Error(ErrorKind::refused, "the cluster's name was not typed");
}

Json plan_summary(const restore::RestorePlan& plan, const TimeZone& zone) {
  return Json().set("plan", restore::to_json(plan, zone));
}

Result<int> restore_in_place(const Process& process, Wiring& wiring, const RestoreOptions& options) {
  const auto& zone = wiring.config().schedules.timezone;
  const jobs::InPlaceRequest request{
      .selection = selection_of(options),
      .delta = options.delta,
      .tablespaces = options.tablespaces,
      .plan_id = options.plan_id,
      .plan_only = options.plan_only,
      .planned = [&](const restore::RestorePlan& plan) { print(process.output, plan, zone); },
      .confirm = [&](const std::string& cluster,
                     const std::string& data) { return confirm(process, options.yes, cluster, data); }};
  auto progress = process.output.progress("restore");
  const auto outcome = TRY(jobs::restore_in_place(wiring, request, *progress));
  progress->finish();
  if (outcome.plan) {
    process.output.remark("WAL in pg_wal that is not archived yet is part of the plan: it is saved before all else");
    process.output.summary("restore", plan_summary(*outcome.plan, zone), kDone);
    return kDone;
  }
  if (!outcome.report) {
    process.output.line("the restore was complete already: " + outcome.data_directory +
                        (outcome.running ? " is running" : " is ready to be started"));
    process.output.summary("restore", Json().set("data_directory", outcome.data_directory), kDone);
    return kDone;
  }
  Json fields = restore::to_json(*outcome.report, zone);
  fields.set("moved_to", outcome.moved_to.empty() ? Json() : Json(outcome.moved_to));
  return finish(process.output, *outcome.report, zone, std::move(fields), "restore");
}

}  // namespace

jobs::RestoreSelection selection_of(const RestoreOptions& options) {
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
  return {.words = std::move(words), .system_identifier = options.system_identifier, .workers = options.workers};
}

Result<int> run_restore(const Process& process, const RestoreOptions& options) {
  TRY(check_options(options));
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::restores));
  wiring->limit_rates({.download = options.throttle.value_or(0)});
  if (options.in_place) return restore_in_place(process, *wiring, options);
  const auto& zone = wiring->config().schedules.timezone;
  const jobs::RestoreJobRequest request{.selection = selection_of(options),
                                        .target = options.target,
                                        .delta = options.delta,
                                        .tablespaces = options.tablespaces,
                                        .plan_id = options.plan_id};
  const auto chosen = TRY(jobs::plan_restore(*wiring, request));
  print(process.output, chosen.plan, zone);
  if (options.plan_only) {
    process.output.summary("restore", plan_summary(chosen.plan, zone), kDone);
    return kDone;
  }
  auto progress = process.output.progress("restore");
  const auto report = TRY(jobs::carry_out_restore(*wiring, chosen, request, *progress));
  progress->finish();
  return finish(process.output, report, zone, restore::to_json(report, zone), "restore");
}

}  // namespace spendsync::cli
