// What code an input reaches: the compiler calls us at every block (-fsanitize-coverage=trace-pc).
#pragma once

#include <cstddef>

namespace spendsync::fuzz::coverage {

/// Forgets what the last input reached.
void begin();
/// True when the input since begin() took a step from block to block, or took it so many times more, that none did
/// before. Always false in a build without coverage.
bool end();
/// Steps reached by any input.
size_t places();

}  // namespace spendsync::fuzz::coverage
