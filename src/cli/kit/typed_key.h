// A key file as a person can type it from paper: lines with a checksum each, and the key's id at the end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace spendsync::cli {

/// Four lines of 8 bytes and a last one with the id:
///   key 1: 8081 8283 8485 8687 / 5c1e
///   key id: e5be69e61b779b27
/// After '/': the first 16 bits of SHA-256 over "spendsync-backup/1/kit/", the line's number and its bytes.
std::vector<std::string> typed_key_lines(const Secret& key, const std::string& id);

/// Reads those lines back, whatever stands between and around them; capitals, spaces and punctuation do not matter.
/// Errors: invalid, naming the line that is missing or was mistyped.
Result<Secret> parse_typed_key(std::string_view text);

}  // namespace spendsync::cli
