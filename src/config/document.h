// YAML as a tree with positions, without YAML's traps. The YAML library is included in document.cc alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/source_text.h"

namespace spendsync::config {

/// One value of the file.
struct Node {
  enum class Kind { null, scalar, list, map };
  struct Entry;

  Kind kind = Kind::null;
  size_t offset = 0;  // of its first byte in the text
  Position position;
  std::string text;    // scalar: its value, unquoted
  bool plain = false;  // scalar: written without quotes
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file; keys may repeat: the reader of the tree refuses that
};

struct Node::Entry {
  std::string key;
  Position key_position;
  Node value;
};

/// The file's one document. Empty with findings when there is none or the YAML is malformed. Refused: aliases,
/// anchors, tags, merge keys, keys that are not text, several documents, more than kMaximumConfigDepth levels.
std::optional<Node> read_document(const SourceText& source, Findings& findings);

/// Would a YAML reader take this unquoted text for a number, a boolean or nothing? ("text", "number", ...)
enum class PlainMeaning { text, number, boolean, null };
PlainMeaning plain_meaning(std::string_view text);

}  // namespace spendsync::config
