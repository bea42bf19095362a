// What is wrong with a configuration, told with the place where it stands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace spendsync::config {

/// A place in the file. Both count from 1; the column counts characters, not bytes. Line 0: not from the file.
struct Position {
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

enum class Severity { error, warning };
std::string_view to_string(Severity severity);

/// One finding. Values of keys that could hold a secret are never part of a message.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string file;
  Position position;
  std::string message;     // lower case, no full stop, the key named
  std::string suggestion;  // what to do, possibly empty

  /// "backup-config.yml:14:5: error: unknown key 'retenton' under 'schedules.full' - did you mean 'retention'?"
  std::string to_string() const;
};

/// All findings of one file, at most kMaximum of them: a file of garbage is not answered by a flood.
class Findings {
 public:
  static constexpr size_t kMaximum = 100;

  explicit Findings(std::string file) : file_(std::move(file)) {}
  void error(Position position, std::string message, std::string suggestion = {});
  void warning(Position position, std::string message, std::string suggestion = {});
  bool has_errors() const { return errors_ > 0; }
  bool is_full() const { return diagnostics_.size() >= kMaximum; }
  /// Ordered by position.
  std::vector<Diagnostic> take();

 private:
  void add(Diagnostic diagnostic);
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
  size_t errors_ = 0;
  bool overflowed_ = false;
};

/// What is wrong with one value's text, `offset` bytes from its beginning.
struct Flaw {
  size_t offset = 0;
  std::string message;
  std::string suggestion;
};

/// The meaning of a value's text, or its flaw.
template <class T>
using Checked = tl::expected<T, Flaw>;

inline tl::unexpected<Flaw> flaw(size_t offset, std::string message, std::string suggestion = {}) {
  return tl::unexpected<Flaw>(Flaw{offset, std::move(message), std::move(suggestion)});
}

/// The candidate that `word` was probably meant to be (Damerau-Levenshtein distance of at most a third of its
/// length, case ignored), or empty.
std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates);

/// "did you mean 'x'?" for closest(), or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

/// "'a', 'b' or 'c'"
std::string join_choices(const std::vector<std::string_view>& choices);

/// Text from the file, made fit for a message: control and invisible bytes escaped, at most 60 bytes.
std::string quote(std::string_view text);

}  // namespace spendsync::config
