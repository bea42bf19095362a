#include "cli/screen/page_failures.h"

namespace spendsync::cli {

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
