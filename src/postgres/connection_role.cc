#include "postgres/connection_role.h"

#include <libpq-fe.h>

#include <memory>
#include <string_view>

#include "postgres/libpq.h"

namespace spendsync::postgres {

std::optional<std::string> role_of(const std::string& connection_string) {
  if (!load_libpq()) return std::nullopt;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(connection_string.c_str(), nullptr), &PQconninfoFree);
  for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "user" && option->val != nullptr) return std::string(option->val);
  }
  return std::nullopt;
}

}  // namespace spendsync::postgres
