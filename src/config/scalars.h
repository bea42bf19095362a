// The meaning of single values: durations, sizes, numbers, paths and the like.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/diagnostics.h"
#include "config/table.h"

namespace spendsync::config {

/// A scalar's meaning: its canonical text and, for what counts, a number (see Value::number).
struct Scalar {
  std::string text;
  int64_t number = 0;
};

/// Judges the text of a value of any scalar kind against its type, limits included.
Checked<Scalar> parse_scalar(std::string_view text, const Type& type);

/// "4 weeks" -> seconds. One whole number and one unit; bare numbers are flawed.
Checked<int64_t> parse_duration(std::string_view text);
/// "500 GiB" -> bytes. Units of 1024 (KiB ... PiB) and of 1000 (kB ... PB); bare numbers are flawed.
Checked<int64_t> parse_size(std::string_view text);
/// The largest unit that divides the number: 2419200 -> "4 weeks"; 536870912000 -> "500 GiB".
std::string format_exact_duration(int64_t duration_seconds);
std::string format_exact_size(int64_t bytes);

}  // namespace spendsync::config
