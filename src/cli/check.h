// What `check` does, for those who print it themselves.
#pragma once

#include "cli/check_report.h"
#include "cli/wiring.h"

namespace spendsync::cli {

/// Looks at everything that could keep the next backup from succeeding. Changes nothing but who this process is: root
/// becomes the service user. Errors: cancelled; what is wrong is in the report.
Result<CheckReport> check_everything(const Process& process);

}  // namespace spendsync::cli
