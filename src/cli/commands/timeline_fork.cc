// spendsync-backup timeline fork [--yes]
#include "jobs/timeline_fork.h"

#include <fmt/format.h>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/typed_name.h"

namespace spendsync::cli {
namespace {

struct TimelineForkOptions {
  bool yes = false;
};

void print_what_it_costs(const Output& output, const jobs::TimelineForkScene& fork) {
  output.line(fmt::format("the server on {} goes on with a timeline of its own:", fork.info.data_directory));
  output.line("  downtime      it is stopped (sessions are ended), recovers what lies in its pg_wal, and is started");
  output.line("                again: about as long as two restarts and two checkpoints");
  output.line(
      fmt::format("  kept          what the repository holds of timeline {}: it leads to the state that was left",
                  fork.info.timeline.value));
  output.line("  not covered   what this server committed since it was put back, until the next full backup ends");
  output.line("  standbys      they follow with recovery_target_timeline = 'latest', if they share its state");
}

Result<int> run_timeline_fork(const Process& process, const TimelineForkOptions& options) {
  auto wiring = TRY(Wiring::open(process, process.sources(), Wiring::Access::writes));
  const auto scene = TRY(jobs::look_at_timeline(*wiring));
  process.output.remark(scene.divergence);
  print_what_it_costs(process.output, scene);
  const auto& cluster = wiring->config().cluster;
  if (!options.yes) TRY(ask_for_name(process, cluster, "stop the server and take it to a new timeline"));
  auto begun = process.clock.monotonic();
  const auto forked = TRY(jobs::fork_timeline(*wiring, scene));
  auto downtime = std::chrono::duration<double>(process.clock.monotonic() - begun);
  process.output.line(fmt::format("the server runs on timeline {}, after {:.1f} s; next: spendsync-backup backup full",
                                  forked.timeline.value, downtime.count()));
  process.output.summary("timeline fork",
                         Json().set("timeline", forked.timeline.value).set("left", scene.info.timeline.value), kDone);
  return kDone;
}

}  // namespace

CommandEntry timeline_fork_command() {
  auto o = std::make_shared<TimelineForkOptions>();
  return {.name = "fork",
          .description = "part a server that was put back to an earlier state from the WAL that was archived before",
          .options = {flag("--yes", o->yes, "do not ask for the cluster's name to be typed")},
          .examples = {{"timeline fork", "says what it costs, asks, restarts the server on a timeline of its own"}},
          .run = [o](const Process& process) { return run_timeline_fork(process, *o); }};
}

}  // namespace spendsync::cli
