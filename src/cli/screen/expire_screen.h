// What retention plans and has done, as lines and as JSON.
#pragma once

#include "base/json.h"
#include "cli/screen/output.h"
#include "jobs/expire.h"

namespace spendsync::cli {

/// What is going to be done, told before it is.
void print_plan(const Output& output, const jobs::ServerExpiry& server, bool dry_run);
/// What was done.
void print(const Output& output, const jobs::ExpireReport& report);
Json to_json(const jobs::ExpireReport& report);

Json to_json(const retention::ExpiryReport& report);

}  // namespace spendsync::cli
