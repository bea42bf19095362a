// The role that a connection string names.
#pragma once

#include <optional>
#include <string>

namespace spendsync::postgres {

/// Of keywords or a URI. Empty: it names none, or is malformed, or libpq cannot be loaded.
std::optional<std::string> role_of(const std::string& connection_string);

}  // namespace spendsync::postgres
