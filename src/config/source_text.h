// The bytes of a configuration file, judged before any YAML is read: size, encoding, line ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"

namespace spendsync::config {

/// Clean UTF-8 with LF line ends, and the way from bytes to lines and columns.
class SourceText {
 public:
  /// Empty when the text cannot be read at all (then findings say why): more than kMaximumConfigBytes, UTF-16,
  /// malformed UTF-8, a control or invisible character, a carriage return that ends no line, a tab that indents.
  static std::optional<SourceText> create(std::string_view raw, Findings& findings);

  std::string_view text() const { return text_; }
  Position position_of(size_t offset) const;
  /// Of the first character of a line; lines count from 0.
  size_t line_start(size_t line) const;

 private:
  explicit SourceText(std::string text);
  std::string text_;
  std::vector<size_t> line_starts_;
};

}  // namespace spendsync::config
