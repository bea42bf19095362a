// How pages that did not match their checksum are told: the same words wherever they are.
#pragma once

#include <string>
#include <vector>

#include "repository/manifest.h"

namespace spendsync::repository {

/// "3 page(s) failed their checksum, first block 7 of base/5/16384".
std::string describe_page_failures(const ManifestSummary& summary);
/// "base/5/16384 block 7, 9", a line a file.
std::vector<std::string> page_failure_lines(const std::vector<PageFailures>& files);

}  // namespace spendsync::repository
