// The name of a backup: "20240315T000000Z-full" (docs/format/layout.md).
#pragma once

#include "base/types.h"

namespace spendsync::repository {

/// Start time in UTC, whole seconds, and type. Ordered by time, then type. Value type.
class Label {
 public:
  /// Rounds down to the second.
  static Label make(Timestamp start, BackupType type);
  /// Errors: invalid unless the text is exactly what text() of some label gives.
  static Result<Label> parse(std::string_view text);

  Timestamp start() const { return start_; }
  BackupType type() const { return type_; }
  const std::string& text() const { return text_; }
  /// The same type one second later: where to go when this one is taken.
  Label next() const;

  auto operator<=>(const Label& other) const { return text_ <=> other.text_; }
  bool operator==(const Label& other) const { return text_ == other.text_; }

 private:
  Label(Timestamp start, BackupType type, std::string text) : start_(start), type_(type), text_(std::move(text)) {}
  Timestamp start_;
  BackupType type_;
  std::string text_;
};

}  // namespace spendsync::repository
