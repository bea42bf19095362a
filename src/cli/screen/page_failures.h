// Pages that did not match their checksum, as JSON.
#pragma once

#include "base/json.h"
#include "repository/page_failures.h"

namespace spendsync::cli {

using repository::describe_page_failures;
using repository::page_failure_lines;

/// [{"path":..,"blocks":[..]}]
Json page_failures_json(const std::vector<repository::PageFailures>& files);

}  // namespace spendsync::cli
