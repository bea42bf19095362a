// How far two words are apart: for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace spendsync {

/// Edits (insert, delete, replace, swap of neighbours; each byte is a letter) that make `b` of `a`: the optimal string
/// alignment distance. Time: the product of the sizes. Pure.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace spendsync
