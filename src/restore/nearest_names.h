// What somebody may have meant by a name that there is not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace spendsync::restore {

/// The `most` names that differ least from `word` (edits, case ignored; equal ones by name). A name
/// with its schema ("app.orders") also counts without it.
std::vector<std::string> nearest_names(std::string_view word, std::vector<std::string> names, size_t most);

}  // namespace spendsync::restore
