// How pages that did not match their checksum are told: the same words in backup, list and verify.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "repository/manifest.h"

namespace spendsync::cli {

/// "3 page(s) failed their checksum, first block 7 of base/5/16384".
std::string describe_page_failures(const repository::ManifestSummary& summary);
/// "base/5/16384 block 7, 9", a line a file.
std::vector<std::string> page_failure_lines(const std::vector<repository::PageFailures>& files);
/// [{"path":..,"blocks":[..]}]
Json page_failures_json(const std::vector<repository::PageFailures>& files);

}  // namespace spendsync::cli
