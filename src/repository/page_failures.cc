#include "repository/page_failures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spendsync::repository {

std::string describe_page_failures(const ManifestSummary& summary) {
  std::string where;
  if (!summary.page_failure_files.empty() && !summary.page_failure_files.front().blocks.empty()) {
    const auto& first = summary.page_failure_files.front();
    where = fmt::format(", first block {} of {}", first.blocks.front(), first.path);
  }
  return fmt::format("{} page(s) failed their checksum{}", summary.page_failures, where);
}

std::vector<std::string> page_failure_lines(const std::vector<PageFailures>& files) {
  std::vector<std::string> lines;
  for (const auto& file : files) lines.push_back(fmt::format("{} block {}", file.path, fmt::join(file.blocks, ", ")));
  return lines;
}

}  // namespace spendsync::repository
