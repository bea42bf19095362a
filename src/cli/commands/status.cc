// spendsync-backup status [--nagios]
#include "jobs/status.h"

#include <algorithm>
#include <cstdio>

#include "base/exit_code.h"
#include "cli/commands/commands.h"
#include "cli/process.h"
#include "cli/screen/status_screen.h"

namespace spendsync::cli {
namespace {

struct StatusOptions {
  bool nagios = false;
};

int print_line(const monitoring::NagiosLine& line) {
  std::puts(line.text.c_str());
  return static_cast<int>(line.state);
}

/// 0 to 3 whatever happens: a plugin has no other codes.
int run_nagios(const Process& process) {
  auto found = jobs::open_for_status(process, process.sources());
  if (!found) return print_line(monitoring::unknown_to_nagios(found.error().message()));
  auto status = jobs::look_at_status(process, *found);
  if (!status) return print_line(monitoring::unknown_to_nagios(status.error().message()));
  return print_line(monitoring::to_nagios(nagios_facts(*status, found->wiring->config())));
}

/// What only a finding tells (a lost slot, a run that is overdue, a gap) misses the objectives as well.
int status_code(const jobs::Status& status) {
  const auto& items = status.findings.items();
  const bool damaged = std::ranges::any_of(items, [](const health::CheckItem& item) {
    return item.verdict == health::CheckVerdict::problem && item.exit_code == kDamaged;
  });
  if (damaged) return kDamaged;
  if (status.verdict.safety == health::Safety::unsafe) return kObjectiveMissed;
  return status.verdict.safety == health::Safety::unknown ? kUnreachable : kDone;
}

Result<int> run_status(const Process& process, const StatusOptions& options) {
  if (options.nagios) return run_nagios(process);
  auto found = TRY(jobs::open_for_status(process, process.sources()));
  const auto status = TRY(jobs::look_at_status(process, found));
  const auto& config = found.wiring->config();
  print(process.output, status, config);
  const int code = status_code(status);
  process.output.summary("status", to_json(status, config), code);
  return code;
}

}  // namespace

CommandEntry status_command() {
  auto o = std::make_shared<StatusOptions>();
  return {.name = "status",
          .description = "what would be lost, and how long it would take, if the server died now",
          .options = {flag("--nagios", o->nagios, "one line and the exit codes of a monitoring plugin")},
          .examples = {{"status", "SAFE or NOT SAFE, and why"}},
          .run = [o](const Process& process) { return run_status(process, *o); }};
}

}  // namespace spendsync::cli
