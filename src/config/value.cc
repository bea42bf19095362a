#include "config/value.h"

#include <algorithm>
#include <charconv>

namespace spendsync::config {

const Value* Value::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

namespace {

/// One step of a path: ".key" or "[index]"; null when it leads nowhere.
const Value* step(const Value& from, std::string_view& path) {
  if (path.starts_with('[')) {
    const size_t close = path.find(']');
    if (close == std::string_view::npos) return nullptr;
    size_t index = 0;
    const std::string_view digits = path.substr(1, close - 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    path.remove_prefix(close + 1);
    const bool valid = error == std::errc() && end == digits.data() + digits.size() && index < from.items.size();
    return valid ? &from.items[index] : nullptr;
  }
  if (path.starts_with('.')) path.remove_prefix(1);
  const size_t end = std::min(path.find_first_of(".["), path.size());
  const std::string_view key = path.substr(0, end);
  path.remove_prefix(end);
  return from.find(key);
}

}  // namespace

const Value* find_path(const Value& root, std::string_view path) {
  const Value* value = &root;
  while (value != nullptr && !path.empty()) value = step(*value, path);
  return value;
}

}  // namespace spendsync::config
