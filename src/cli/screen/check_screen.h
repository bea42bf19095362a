// What `check` found, as lines and as JSON.
#pragma once

#include "base/json.h"
#include "health/check_report.h"

namespace spendsync::cli {

/// "PROBLEM  2 problems, 1 warning: the next backup would fail, or would not be enough".
std::string headline(const health::CheckReport& report);
/// The headline, then problems, warnings, what could not be checked, and (unless `brief`) what is well.
std::vector<std::string> to_lines(const health::CheckReport& report, bool brief);
Json to_json(const health::CheckReport& report);

}  // namespace spendsync::cli
