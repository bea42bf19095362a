// HTTP header fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spendsync::net {

struct Header {
  std::string name;
  std::string value;
  bool operator==(const Header&) const = default;
};
using Headers = std::vector<Header>;

/// The first of that name, whatever its case. Null: there is none.
const std::string* find_header(const Headers& headers, std::string_view name);
/// ASCII letters alone.
std::string lower_case(std::string_view text);

}  // namespace spendsync::net
