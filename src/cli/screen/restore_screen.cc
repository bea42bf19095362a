#include "cli/screen/restore_screen.h"

#include "base/exit_code.h"

namespace spendsync::cli {

void print(const Output& output, const restore::RestorePlan& plan, const TimeZone& zone) {
  for (const auto& line : restore::to_lines(plan, zone)) output.line(line);
  output.event("plan", Json().set("plan", restore::to_json(plan, zone)));
}

int finish(const Output& output, const restore::RestoreReport& report, const TimeZone& zone, Json fields,
           const std::string& command) {
  for (const auto& line : restore::to_lines(report, zone)) output.line(line);
  const int code = report.complete() ? kDone : kIncomplete;
  output.summary(command, std::move(fields), code);
  return code;
}

}  // namespace spendsync::cli
