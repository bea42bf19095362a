// What went wrong, told so that a person can act on it and a caller can decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace spendsync {

/// Complete in base/condition.h, which only those include that name one: a new one would recompile everything.
enum class Condition : uint16_t;

/// What the caller should do about it. A new kind needs a caller that behaves differently.
enum class ErrorKind {
  invalid,         // the input (command line, configuration) is wrong; correct it
  refused,         // a precondition does not hold; nothing was changed
  not_found,       // the object is proved absent, or the target lies outside what is kept
  already_exists,  // an object with that name is there already
  corrupt,         // stored bytes are not what was written: damaged, swapped or forged
  denied,          // permission
  conflict,        // somebody else holds it, or the same name has other content
  transient,       // may pass: network, busy server, interrupted
  exhausted,       // no space, no memory, no descriptors: a retry will not help by itself
  incomplete,      // done, but something that was asked for is not in the result
  cancelled,       // asked to stop
  unsupported,     // this server, store or version cannot do it
  internal,        // our own mistake
};

std::string_view to_string(ErrorKind kind);

/// A failure as a value: kind, one-line message, the chain of what was being done, and a next step.
/// Messages are lower case without a full stop; the object is named in them. Value type, no sharing.
class Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  /// From errno: the kind is chosen (ENOENT not_found, EACCES/EPERM denied, EEXIST already_exists,
  /// ENOSPC/EDQUOT/EMFILE/ENOMEM exhausted, EINTR/EAGAIN transient, else internal) and the text appended.
  static Error from_errno(int error_number, std::string message);

  /// Prepends what was being done: "reading pack 7: <message>". Once a layer.
  [[nodiscard]] Error with_context(std::string_view context) &&;
  /// The next step, printed on its own `hint:` line. The innermost hint wins.
  [[nodiscard]] Error with_hint(std::string hint) &&;
  /// Names the condition, for `explain`. The innermost wins.
  [[nodiscard]] Error with_condition(Condition condition) &&;
  /// Overrides the exit code that the kind stands for.
  [[nodiscard]] Error with_exit_code(int code) &&;

  ErrorKind kind() const { return kind_; }
  bool is(ErrorKind kind) const { return kind_ == kind; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  /// The one that was named, else what errno or the kind says; never none.
  Condition condition() const;
  std::optional<int> exit_code() const { return exit_code_; }
  int os_error() const { return os_error_; }  // errno, 0 when none

 private:
  ErrorKind kind_;
  std::string message_;
  std::string hint_;
  std::optional<int> exit_code_;
  Condition condition_{};  // none
  int os_error_ = 0;
};

}  // namespace spendsync
