#include "restore/shell_word.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace spendsync::restore {

std::string shell_word(const std::string& text) {
  bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-+:,@=").find(c) != std::string_view::npos;
  });
  if (plain) return text;
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace spendsync::restore
