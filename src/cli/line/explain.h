// What each code of an error means: for `explain CODE` and docs/operations/errors.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/condition.h"

namespace spendsync::cli {

struct Explanation {
  Condition condition;
  std::string_view title;    // a few words
  std::string_view meaning;  // what is so
  std::string_view causes;   // what usually leads to it
  std::string_view remedy;   // what to do, with the commands
};

/// All of them, by number.
std::span<const Explanation> explanations();

/// By "SSB-1201", "ssb1201" or "1201". Null: there is no such code.
const Explanation* find_explanation(std::string_view code);

/// For people.
std::string to_text(const Explanation& explanation);
/// The page docs/operations/errors.md, whole.
std::string errors_markdown();

}  // namespace spendsync::cli
