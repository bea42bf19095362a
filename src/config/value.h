// The checked tree: every key of the table with its value and where it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "config/table.h"

namespace spendsync::config {

struct Value {
  struct Member;

  const Type* type = nullptr;
  Position position;            // line 0: a default
  std::string text;             // scalars: as it would be written, unquoted; variants: the name of the variant
  int64_t number = 0;           // boolean, integer, percent, duration (seconds), size and rate (bytes)
  std::vector<Member> members;  // sections and variants, in the order of the table; keys without a value are left out
  std::vector<Value> items;     // lists

  bool is_default() const { return position.line == 0; }
  /// Requires: a section. Null: not set and without a default.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
};

struct Value::Member {
  std::string_view key;  // of the table
  Value value;
};

/// The value at a path as messages write it ("encryption.keys[1].path"); null when there is none.
const Value* find_path(const Value& root, std::string_view path);

}  // namespace spendsync::config
