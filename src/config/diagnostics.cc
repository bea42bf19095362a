#include "config/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/edit_distance.h"

namespace spendsync::config {

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::string Diagnostic::to_string() const {
  return fmt::format("{}:{}:{}: {}: {}{}{}", file, position.line, position.column, config::to_string(severity), message,
                     suggestion.empty() ? "" : " - ", suggestion);
}

void Findings::error(Position position, std::string message, std::string suggestion) {
  ++errors_;
  add({Severity::error, file_, position, std::move(message), std::move(suggestion)});
}

void Findings::warning(Position position, std::string message, std::string suggestion) {
  add({Severity::warning, file_, position, std::move(message), std::move(suggestion)});
}

void Findings::add(Diagnostic diagnostic) {
  if (!is_full()) {
    diagnostics_.push_back(std::move(diagnostic));
  } else if (!overflowed_) {
    overflowed_ = true;
    diagnostics_.push_back(
        {Severity::error, file_, diagnostic.position, "more findings than can be listed", "correct these first"});
  }
}

std::vector<Diagnostic> Findings::take() {
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.position < b.position; });
  return std::move(diagnostics_);
}

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::string_view closest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 64;  // no key is longer: the quadratic comparison stays small
  if (word.empty() || word.size() > kLongestWord) return {};
  std::string_view best;
  size_t best_distance = std::numeric_limits<size_t>::max();
  for (std::string_view candidate : candidates) {
    const size_t distance = edit_distance(lower(word), lower(candidate));
    const size_t allowed = std::max<size_t>(1, std::max(word.size(), candidate.size()) / 3);
    if (distance <= allowed && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view found = closest(word, candidates);
  return found.empty() ? std::string() : fmt::format("did you mean '{}'?", found);
}

std::string join_choices(const std::vector<std::string_view>& choices) {
  std::string result;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) result += i + 1 == choices.size() ? " or " : ", ";
    result += fmt::format("'{}'", choices[i]);
  }
  return result;
}

std::string quote(std::string_view text) {
  constexpr size_t kLongest = 60;
  std::string result = "'";
  size_t taken = 0;
  for (char c : text) {
    const bool starts_character = (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
    if (taken >= kLongest && starts_character) {
      result += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
    ++taken;
  }
  return result + "'";
}

}  // namespace spendsync::config
