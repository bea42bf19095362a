#include "storage/object_key.h"

#include <algorithm>

namespace spendsync::storage {
namespace {

constexpr size_t kKeyMax = 1024;       // S3's limit
constexpr size_t kComponentMax = 255;  // a file name's limit on Linux

bool is_key_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// Empty when the component is fine, else what is wrong with it.
std::string_view component_fault(std::string_view component) {
  if (component.empty()) return "an empty component";
  if (component.size() > kComponentMax) return "a component of more than 255 bytes";
  if (component == "." || component == "..") return "the component '.' or '..'";
  if (!std::all_of(component.begin(), component.end(), is_key_character)) return "a character outside [A-Za-z0-9._-]";
  return {};
}

Error fault(std::string_view text, std::string_view what) {
  std::string shown(text.substr(0, 80));
  if (shown.size() < text.size()) shown += "...";
  return Error(ErrorKind::invalid, "'" + shown + "' is no object key: it has " + std::string(what));
}

}  // namespace

Result<ObjectKey> ObjectKey::parse(std::string_view text) {
  if (text.size() > kKeyMax) return fault(text, "more than 1024 bytes");
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('/', begin), text.size());
    auto what = component_fault(text.substr(begin, end - begin));
    if (!what.empty()) return fault(text, what);
    begin = end + 1;
  }
  return ObjectKey(std::string(text));
}

}  // namespace spendsync::storage
