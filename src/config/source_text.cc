#include "config/source_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/load.h"

namespace spendsync::config {
namespace {

/// The code point at `at` and its length in bytes; length 0 where the bytes are not UTF-8 (Unicode 15, table 3-7:
/// no overlong forms, no surrogates, nothing above U+10FFFF).
struct CodePoint {
  uint32_t value = 0;
  size_t length = 0;
};

CodePoint decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> uint32_t { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  size_t length = 0;
  uint32_t value = 0;
  uint32_t smallest = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, value = first & 0x1Fu, smallest = 0x80;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, value = first & 0x0Fu, smallest = 0x800;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, value = first & 0x07u, smallest = 0x10000;
  } else {
    return {};
  }
  for (size_t i = 1; i < length; ++i) {
    const uint32_t next = byte(at + i);
    if ((next & 0xC0u) != 0x80u) return {};
    value = value << 6 | (next & 0x3Fu);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || value > 0x10FFFF || surrogate) return {};
  return {value, length};
}

/// Characters that a reader of the file cannot see but YAML or a terminal acts on.
bool is_forbidden(uint32_t c) {
  if (c < 0x20) return c != '\n' && c != '\t';
  if (c == 0x7F || (c >= 0x80 && c <= 0x9F)) return true;      // DEL, C1
  if (c == 0x2028 || c == 0x2029 || c == 0xFEFF) return true;  // line ends of YAML 1.1
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
         (c >= 0x200B && c <= 0x200F);  // bidi, zero width
}

/// CRLF becomes LF; any other carriage return stays and is found by the scan.
std::string with_unix_line_ends(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\r' && i + 1 < raw.size() && raw[i + 1] == '\n') continue;
    text += raw[i];
  }
  return text;
}

/// Columns are meaningful up to the first bad byte, so the scan ends there.
bool scan(const SourceText& source, Findings& findings) {
  const std::string_view text = source.text();
  bool in_indentation = true;
  bool clean = true;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode(text, at);
    if (c.length == 0) {
      findings.error(source.position_of(at),
                     fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(text[at])),
                     "save the file as UTF-8");
      return false;
    }
    if (c.value == '\r') {
      findings.error(source.position_of(at), "carriage return inside a line", "lines end in LF or CRLF");
      return false;
    }
    if (is_forbidden(c.value)) {
      findings.error(source.position_of(at), fmt::format("invisible character U+{:04X}", c.value), "remove it");
      return false;
    }
    if (c.value == '\t' && in_indentation) {
      findings.error(source.position_of(at), "tab used for indentation", "use spaces");
      clean = false;
      in_indentation = false;  // one finding a line
    }
    if (c.value == '\n') {
      in_indentation = true;
    } else if (c.value != ' ') {
      in_indentation = false;
    }
    at += c.length;
  }
  return clean;
}

}  // namespace

std::optional<SourceText> SourceText::create(std::string_view raw, Findings& findings) {
  constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
  const Position start{1, 1};
  if (raw.size() > kMaximumConfigBytes) {
    findings.error(start, fmt::format("file has more than {} bytes", kMaximumConfigBytes),
                   "this is no configuration file, or it lists what should be a directory");
    return std::nullopt;
  }
  if (raw.starts_with("\xFF\xFE") || raw.starts_with("\xFE\xFF")) {
    findings.error(start, "file is UTF-16", "save the file as UTF-8");
    return std::nullopt;
  }
  if (raw.starts_with(kUtf8Mark)) raw.remove_prefix(kUtf8Mark.size());
  SourceText source(with_unix_line_ends(raw));
  if (!scan(source, findings)) return std::nullopt;
  return source;
}

SourceText::SourceText(std::string text) : text_(std::move(text)) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

Position SourceText::position_of(size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const size_t line = static_cast<size_t>(after - line_starts_.begin());
  int column = 1;
  for (size_t i = line_starts_[line - 1]; i < offset; ++i) {
    if ((static_cast<unsigned char>(text_[i]) & 0xC0u) != 0x80u) ++column;
  }
  return {static_cast<int>(line), column};
}

size_t SourceText::line_start(size_t line) const {
  return line < line_starts_.size() ? line_starts_[line] : text_.size();
}

}  // namespace spendsync::config
