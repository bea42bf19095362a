// The name of an object, relative to the store's prefix.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace spendsync::storage {

/// Components joined by '/', each 1 to 255 bytes of [A-Za-z0-9._-], none "." or ".."; 1024 bytes in all.
/// The character set is that of docs/format/layout.md: safe in S3, in a file system and in a URL.
class ObjectKey {
 public:
  /// Errors: invalid, naming the text.
  static Result<ObjectKey> parse(std::string_view text);
  const std::string& text() const { return text_; }
  auto operator<=>(const ObjectKey&) const = default;

 private:
  explicit ObjectKey(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace spendsync::storage
