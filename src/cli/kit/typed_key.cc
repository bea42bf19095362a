#include "cli/kit/typed_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "crypto/digest.h"
#include "crypto/key_file_wrapper.h"

namespace spendsync::cli {
namespace {

constexpr size_t kLines = 4;
constexpr size_t kLineBytes = Secret::kSize / kLines;
constexpr size_t kChecksumBytes = 2;
constexpr size_t kLineMax = 64;  // characters
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string line_checksum(size_t number, ByteView bytes) {
  crypto::Sha256 hash;
  hash.update(as_bytes("spendsync-backup/1/kit/"));
  hash.update(as_bytes(std::to_string(number)));
  hash.update(bytes);
  return to_hex(ByteView(hash.finish()).first(kChecksumBytes));
}

/// Hexadecimal digits only, in small letters: people type capitals and put spaces elsewhere.
std::string digits_of(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) digits += c;
  }
  return digits;
}

std::string small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

/// What follows "<label>:" in the line that has it. Of several lines the last one counts: a person types it again.
std::optional<std::string> digits_after(std::string_view text, const std::string& label) {
  std::optional<std::string> found;
  const std::string small = small_letters(text);
  for (size_t begin = 0; begin < small.size();) {
    auto end = small.find('\n', begin);
    if (end == std::string::npos) end = small.size();
    const auto line = std::string_view(small).substr(begin, end - begin);
    const auto at = line.find(label + ":");
    if (at != std::string_view::npos) found = digits_of(line.substr(at + label.size() + 1));
    begin = end + 1;
  }
  return found;
}

}  // namespace

std::vector<std::string> typed_key_lines(const Secret& key, const std::string& id) {
  std::vector<std::string> lines;
  lines.reserve(kLines + 1);
  for (size_t number = 1; number <= kLines; ++number) {
    const auto bytes = ByteView(key.view()).subspan((number - 1) * kLineBytes, kLineBytes);
    // Appended digit by digit: formatting leaves copies of a key that nobody wipes.
    std::string line;
    line.reserve(kLineMax);
    line += "key " + std::to_string(number) + ":";
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i % 2 == 0) line += ' ';
      line += kHexDigits[std::to_integer<size_t>(bytes[i] >> 4)];
      line += kHexDigits[std::to_integer<size_t>(bytes[i] & std::byte{15})];
    }
    line += " / " + line_checksum(number, bytes);
    lines.push_back(std::move(line));
  }
  lines.push_back("key id: " + id);
  return lines;
}

Result<Secret> parse_typed_key(std::string_view text) {
  Secret key;
  for (size_t number = 1; number <= kLines; ++number) {
    const std::string label = fmt::format("key {}", number);
    const auto digits = digits_after(text, label);
    if (!digits) {
      return Error(ErrorKind::invalid, fmt::format("there is no line that begins with '{}:'", label))
          .with_hint("type the four key lines and the key id as the kit has them");
    }
    constexpr size_t kExpected = 2 * (kLineBytes + kChecksumBytes);
    if (digits->size() != kExpected) {
      return Error(ErrorKind::invalid, fmt::format("line '{}:' has {} hexadecimal digits; there should be {}", label,
                                                   digits->size(), kExpected));
    }
    auto bytes = TRY(from_hex(digits->substr(0, 2 * kLineBytes)));
    std::copy(bytes.begin(), bytes.end(),
              key.mutable_view().begin() + static_cast<ptrdiff_t>((number - 1) * kLineBytes));
    const bool right = line_checksum(number, bytes) == digits->substr(2 * kLineBytes);
    wipe(bytes);
    if (!right) {
      return Error(ErrorKind::invalid, fmt::format("line '{}:' was mistyped: its checksum does not fit", label))
          .with_hint("compare that line with the kit, digit by digit");
    }
  }
  const auto id = digits_after(text, "key id");
  if (!id) return Error(ErrorKind::invalid, "there is no line that begins with 'key id:'");
  if (*id != crypto::key_file_id(key)) {
    return Error(ErrorKind::invalid, "the key id does not fit the lines: they come from two different kits")
        .with_hint("take all lines from one kit");
  }
  return key;
}

}  // namespace spendsync::cli
