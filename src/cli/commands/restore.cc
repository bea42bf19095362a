// spendsync-backup restore <type> <date> [point_in_time]
#include "jobs/restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/commands/restore_options.h"
#include "cli/process.h"
#include "cli/screen/restore_screen.h"
#include "jobs/restore_in_place.h"

namespace spendsync::cli {
namespace {

struct RestoreOptions {
  SelectionOptions selection;
  std::optional<std::string> target;
  std::vector<std::string> tablespaces;
  bool delta = false;
  bool in_place = false;
  bool yes = false;
  bool plan_only = false;
  std::optional<std::string> plan_id;
  bool files_only = false;
  bool database_only = false;
  bool start = false;
  bool no_start = false;
};

jobs::RestoreSelection restore_selection(const RestoreOptions& options) {
  auto selection = selection_of(options.selection);
  selection.words.files_only = options.files_only;
  selection.words.database_only = options.database_only;
  selection.words.start = options.start;
  selection.words.no_start = options.no_start;
  return selection;
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
      .selection = restore_selection(options),
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
  Json saved = Json::array();
  for (const auto& name : outcome.saved_wal) saved.push(name);
  fields.set("saved_wal", std::move(saved));
  fields.set("moved_to", outcome.moved_to.empty() ? Json() : Json(outcome.moved_to));
  return finish(process.output, *outcome.report, zone, std::move(fields), "restore");
}

Result<int> run_restore(const Process& process, const RestoreOptions& options) {
  TRY(check_options(options));
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::restores));
  wiring->limit_rates({.download = options.selection.throttle.value_or(0)});
  if (options.in_place) return restore_in_place(process, *wiring, options);
  const auto& zone = wiring->config().schedules.timezone;
  const jobs::RestoreJobRequest request{.selection = restore_selection(options),
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

/// What becomes of places and servers, beside what is restored.
std::vector<Option> place_options(RestoreOptions& options) {
  return {
      option("--target", "DIR", options.target, "the data directory to make (default: below restore.target_directory)"),
      option("--tablespace", "OLD=NEW", options.tablespaces,
             "place of a tablespace: OLD is its original location or its OID (repeatable; default: beside the target)"),
      flag("--delta", options.delta,
           "rewrite an existing, stopped data directory of the same cluster where it differs from the backup"),
      flag("--in-place", options.in_place,
           "replace the original database: stops the server, saves its WAL, keeps the old directory aside"),
      flag("--yes", options.yes, "do not ask for the cluster's name before replacing it"),
      flag("--plan", options.plan_only, "show what would be done, and stop"),
      option("--plan-id", "ID", options.plan_id, "refuse unless the plan made now is the one that --plan has shown")
          .excludes({"--plan"})};
}

std::vector<Option> ending_options(RestoreOptions& options) {
  return {
      flag("--files-only", options.files_only, "captured files without the database"),
      flag("--database-only", options.database_only, "the database without captured files").excludes({"--files-only"}),
      flag("--start", options.start, "leave the recovered server running"),
      flag("--no-start", options.no_start, "stop before recovery").excludes({"--start"})};
}

}  // namespace

CommandEntry restore_command() {
  auto o = std::make_shared<RestoreOptions>();
  CommandEntry command{
      .name = "restore",
      .description = "restore a backup into a new directory and recover it",
      .arguments = selection_arguments(o->selection),
      .examples = {{"restore --latest --in-place",
                    "the server is lost or damaged: brings it back to its last commit, where it was"},
                   {"restore point_in_time 20240315 '2024-03-15 14:29:00'",
                    "a copy as it was just before a mistake, beside the running server"},
                   {"restore full 20240315 --plan", "what would be done, how much room it takes, and stops"}},
      .run = [o](const Process& process) { return run_restore(process, *o); }};
  for (auto& options :
       {place_options(*o), target_options(o->selection), ending_options(*o), running_options(o->selection)}) {
    command.options.insert(command.options.end(), options.begin(), options.end());
  }
  return command;
}

}  // namespace spendsync::cli
