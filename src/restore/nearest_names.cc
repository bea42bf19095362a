#include "restore/nearest_names.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/edit_distance.h"

namespace spendsync::restore {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

size_t nearness(std::string_view word, const std::string& name) {
  const auto dot = name.find('.');
  const size_t whole = edit_distance(word, name);
  return dot == std::string::npos ? whole : std::min(whole, edit_distance(word, name.substr(dot + 1)));
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view word, std::vector<std::string> names, size_t most) {
  std::vector<std::pair<size_t, std::string>> ranked;
  ranked.reserve(names.size());
  for (auto& name : names) {
    const size_t near = nearness(lower(word), lower(name));
    ranked.emplace_back(near, std::move(name));
  }
  std::ranges::sort(ranked);
  std::vector<std::string> nearest;
  for (auto& [near, name] : ranked) {
    if (nearest.size() < most) nearest.push_back(std::move(name));
  }
  return nearest;
}

}  // namespace spendsync::restore
