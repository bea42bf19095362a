// Whether the next backup would succeed: looks at all that it needs.
#pragma once

#include "health/check_report.h"
#include "jobs/wiring.h"

namespace spendsync::jobs {

/// Each item is looked at whatever the others say. Changes nothing but who this process is: root becomes the service
/// user. Fixes in the report are commands that reach the configuration in `sources`.
/// Errors: cancelled; what is wrong is in the report.
Result<health::CheckReport> check(const Context& context, const Sources& sources);

}  // namespace spendsync::jobs
