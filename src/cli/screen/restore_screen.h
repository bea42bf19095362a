// The plan and the report of a restore, as lines and as JSON.
#pragma once

#include "base/time.h"
#include "cli/screen/output.h"
#include "restore/restore.h"

namespace spendsync::cli {

void print(const Output& output, const restore::RestorePlan& plan, const TimeZone& zone);
/// The report, and `fields` as the summary of `command`. Returns the exit code: 3 where something is not there that was
/// asked for.
int finish(const Output& output, const restore::RestoreReport& report, const TimeZone& zone, Json fields,
           const std::string& command);

}  // namespace spendsync::cli
