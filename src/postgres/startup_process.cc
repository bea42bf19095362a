#include "postgres/startup_process.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <string_view>

namespace spendsync::postgres {

std::optional<std::string> startup_process_activity(pid_t postmaster) {
  constexpr std::string_view kTitle = "postgres: startup ";
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", postmaster));
  for (pid_t child = 0; children >> child;) {
    std::ifstream file(fmt::format("/proc/{}/cmdline", child));
    std::string title{std::istreambuf_iterator<char>(file), {}};
    title.resize(title.find('\0') == std::string::npos ? title.size() : title.find('\0'));
    if (!title.starts_with(kTitle)) continue;
    title.erase(0, kTitle.size());
    while (title.ends_with(' ')) title.pop_back();
    if (title.empty()) return std::nullopt;
    return title;
  }
  return std::nullopt;
}

}  // namespace spendsync::postgres
