#include "cli/page_failures.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spendsync::cli {

std::string describe_page_failures(const repository::ManifestSummary& summary) {
  std::string where;
  if (!summary.page_failure_files.empty() && !summary.page_failure_files.front().blocks.empty()) {
    const auto& first = summary.page_failure_files.front();
    where = fmt::format(", first block {} of {}", first.blocks.front(), first.path);
  }
  return fmt::format("{} page(s) failed their checksum{}", summary.page_failures, where);
}

std::vector<std::string> page_failure_lines(const std::vector<repository::PageFailures>& files) {
  std::vector<std::string> lines;
  for (const auto& file : files) lines.push_back(fmt::format("{} block {}", file.path, fmt::join(file.blocks, ", ")));
  return lines;
}

Json page_failures_json(const std::vector<repository::PageFailures>& files) {
  Json array = Json::array();
  for (const auto& file : files) {
    Json blocks = Json::array();
    for (auto block : file.blocks) blocks.push(block);
    array.push(Json().set("path", file.path).set("blocks", std::move(blocks)));
  }
  return array;
}

}  // namespace spendsync::cli
