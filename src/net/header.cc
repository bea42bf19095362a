#include "net/header.h"

namespace spendsync::net {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  const auto wanted = lower_case(name);
  for (const auto& header : headers) {
    if (lower_case(header.name) == wanted) return &header.value;
  }
  return nullptr;
}

}  // namespace spendsync::net
