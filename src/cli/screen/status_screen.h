// What `status` found, as lines, as JSON and for Nagios.
#pragma once

#include "cli/screen/output.h"
#include "config/config.h"
#include "jobs/status.h"
#include "monitoring/nagios.h"

namespace spendsync::cli {

void print(const Output& output, const jobs::Status& status, const config::Config& config);
Json to_json(const jobs::Status& status, const config::Config& config);
monitoring::NagiosFacts nagios_facts(const jobs::Status& status, const config::Config& config);

}  // namespace spendsync::cli
