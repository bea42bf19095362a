// A parser that reads what others wrote, with real samples: what the fuzzer and the short test work with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace spendsync::fuzz {

/// No input is longer, bytes: parsers are met with many small inputs rather than few large ones.
inline constexpr size_t kInputMax = 64u << 10;

struct Target {
  std::string_view name;
  /// Any input at all. True: the parser took it. A crash, a sanitizer's report or a promise that does not hold
  /// (require) is a finding.
  bool (*reads)(ByteView input);
  std::vector<Bytes> samples;      // real ones: the parser must take them
  std::vector<Bytes> flawed;       // of which it must refuse each
  std::vector<std::string> words;  // what a mutation may put in, beside the words of the samples
};

/// A promise of a parser, such as that what it took comes out again. Ends the program when it does not hold.
void require(bool holds, std::string_view promise);

/// Texts as inputs.
std::vector<Bytes> texts(const std::vector<std::string>& inputs);

/// Every target, by name.
std::vector<Target> all_targets();

}  // namespace spendsync::fuzz
