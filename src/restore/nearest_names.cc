#include "restore/nearest_names.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

namespace spendsync::restore {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

size_t nearness(std::string_view word, const std::string& name) {
  const auto dot = name.find('.');
  const size_t whole = distance(word, name);
  return dot == std::string::npos ? whole : std::min(whole, distance(word, std::string_view(name).substr(dot + 1)));
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view word, std::vector<std::string> names, size_t most) {
  std::vector<std::pair<size_t, std::string>> ranked;
  ranked.reserve(names.size());
  for (auto& name : names) {
    const size_t near = nearness(word, name);
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
