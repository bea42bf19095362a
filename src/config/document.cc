#include "config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "config/load.h"

namespace spendsync::config {
namespace {

/// Builds the tree from the library's events. After the first finding that makes the rest unreliable (depth, a key
/// that is no text) events are still counted but nothing is kept.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const SourceText& source, Findings& findings) : source_(source), findings_(findings) {}

  std::optional<Node> take() { return broken_ ? std::nullopt : std::move(root_); }
  bool broken() const { return broken_; }
  /// Where the innermost list or map that is still open began.
  std::optional<size_t> innermost_open() const {
    return open_.empty() ? std::nullopt : std::optional<size_t>(open_.back().node.offset);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "", anchor);
    add(make(Node::Kind::null, mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    findings_.error(at(mark), "aliases (*name) are not supported", "write the value again");
    add(make(Node::Kind::null, mark), false);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_extras(mark, tag, anchor);
    Node node = make(Node::Kind::scalar, mark);
    node.text = value;
    node.plain = tag == "?";
    if (!node.plain && !is_closed(node.offset)) {
      if (!broken_) break_at(mark, "quoted text never ends", "add the closing quote");
      return;
    }
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    bool key_expected = true;  // maps: the next event is a key
    bool drop_value = false;   // maps: the key was refused, so its value is not kept
  };

  Node make(Node::Kind kind, const YAML::Mark& mark) const {
    Node node;
    node.kind = kind;
    node.offset = static_cast<size_t>(std::max(mark.pos, 0));
    node.position = source_.position_of(node.offset);
    return node;
  }

  /// The library takes the end of the file for a closing quote.
  bool is_closed(size_t offset) const {
    const std::string_view text = source_.text();
    if (offset >= text.size()) return true;
    const char quote = text[offset];
    if (quote != '"' && quote != '\'') return true;  // a block scalar, or a tag before the text
    for (size_t i = offset + 1; i < text.size(); ++i) {
      const bool escaped = quote == '"' && text[i] == '\\';
      const bool doubled = quote == '\'' && text.substr(i).starts_with("''");
      if (text[i] == quote && !doubled) return true;
      if (escaped || doubled) ++i;
    }
    return false;
  }

  Position at(const YAML::Mark& mark) const { return source_.position_of(static_cast<size_t>(std::max(mark.pos, 0))); }

  void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (broken_) return;
    if (anchor != 0) findings_.error(at(mark), "anchors (&name) are not supported", "write the value again");
    const bool implied = tag.empty() || tag == "?" || tag == "!";
    if (!implied) findings_.error(at(mark), "tags (!name) are not supported", "remove the tag");
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    ++depth_;
    if (broken_) return;
    refuse_extras(mark, tag, anchor);
    if (depth_ > kMaximumConfigDepth) {
      break_at(mark, fmt::format("more than {} levels of nesting", kMaximumConfigDepth), "");
      return;
    }
    if (!open_.empty() && open_.back().node.kind == Node::Kind::map && open_.back().key_expected) {
      break_at(mark, "a key must be plain text", "quote the text if it begins with a bracket or a brace");
      return;
    }
    open_.push_back({make(kind, mark)});
  }

  void close() {
    --depth_;
    if (broken_) return;
    Node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void break_at(const YAML::Mark& mark, std::string message, std::string suggestion) {
    findings_.error(at(mark), std::move(message), std::move(suggestion));
    broken_ = true;
    open_.clear();
  }

  void add(Node node, bool keep = true) {
    if (broken_) return;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::list) {
      if (keep) parent.node.items.push_back(std::move(node));
    } else if (parent.key_expected) {
      add_key(parent, std::move(node));
    } else {
      set_value(parent, std::move(node), keep);
    }
  }

  void set_value(Open& map, Node value, bool keep) {
    Node::Entry& entry = map.node.entries.back();
    // The library places a value that is not there at whatever follows; the key is what the reader can find.
    if (value.kind == Node::Kind::null) value.position = entry.key_position;
    entry.value = std::move(value);
    if (map.drop_value || !keep) map.node.entries.pop_back();
    map.key_expected = true;
  }

  void add_key(Open& map, Node key) {
    map.drop_value = false;
    if (key.kind != Node::Kind::scalar) {
      findings_.error(key.position, "a key is missing before ':'");
      map.drop_value = true;
    } else if (key.text == "<<" && key.plain) {
      findings_.error(key.position, "merge keys (<<) are not supported", "write the keys again");
      map.drop_value = true;
    }
    map.node.entries.push_back({std::move(key.text), key.position, Node{}});
    map.key_expected = false;
  }

  const SourceText& source_;
  Findings& findings_;
  std::optional<Node> root_;
  std::vector<Open> open_;
  int depth_ = 0;
  bool broken_ = false;
};

/// The library's message in words that help who does not know YAML's grammar.
struct Explanation {
  std::string_view library;
  std::string_view message;
  std::string_view suggestion;
};
constexpr std::array kExplanations = {
    Explanation{"illegal map value", "':' where no value can begin",
                "put the text in quotes, or correct the indentation"},
    Explanation{"end of map not found", "text that belongs to no key above it",
                "correct its indentation, or put the whole value in quotes"},
    Explanation{"end of sequence not found", "text that belongs to no item of the list above it",
                "correct its indentation, or put the whole value in quotes"},
    Explanation{"end of map flow not found", "'{' is never closed", "add '}', or a comma between its keys"},
    Explanation{"end of sequence flow not found", "'[' is never closed", "add ']', or a comma between its items"},
    Explanation{"illegal flow end", "closing bracket that fits no open one", "remove or correct it"},
    Explanation{"illegal EOF in scalar", "quoted text never ends", "add the closing quote"},
    Explanation{"unknown token", "this character cannot begin a value", "put the text in quotes"},
    Explanation{"the referenced anchor is not defined", "aliases (*name) are not supported",
                "put the text in quotes, or write the value again"},
    Explanation{"alias not found after *", "'*' cannot begin a value", "put the text in quotes"},
    Explanation{"anchor not found after &", "'&' cannot begin a value", "put the text in quotes"},
    Explanation{"illegal block entry", "'-' where no list can begin", "start the list on its own line"},
    Explanation{"illegal map key", "a key cannot begin here", "correct the indentation"},
};

void report(const YAML::Exception& exception, const TreeBuilder& builder, const SourceText& source,
            Findings& findings) {
  std::string message = fmt::format("malformed YAML: {}", exception.msg);
  std::string suggestion;
  for (const Explanation& known : kExplanations) {
    if (exception.msg == known.library) {
      message = known.message;
      suggestion = known.suggestion;
    }
  }
  auto offset = static_cast<size_t>(std::max(exception.mark.pos, 0));
  // The library gives no place for a bracket that is never closed; the opening one is what the reader looks for.
  const bool unclosed = exception.msg.ends_with("flow not found");
  if (unclosed) offset = builder.innermost_open().value_or(offset);
  findings.error(source.position_of(offset), std::move(message), std::move(suggestion));
}

/// Notices that there is a second document, and nothing else.
class SecondDocument final : public YAML::EventHandler {
 public:
  std::optional<size_t> offset;
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!offset) offset = static_cast<size_t>(std::max(mark.pos, 0));
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

void parse_events(YAML::Parser& parser, TreeBuilder& builder, const SourceText& source, Findings& findings) {
  if (!parser.HandleNextDocument(builder)) {
    findings.error({1, 1}, "the file holds no configuration", "start with 'version: 1'");
    return;
  }
  if (builder.broken()) return;
  SecondDocument second;
  if (parser.HandleNextDocument(second)) {
    findings.error(source.position_of(second.offset.value_or(0)), "a second document begins here",
                   "keep one configuration a file, without '---' or '...' between");
  }
}

}  // namespace

std::optional<Node> read_document(const SourceText& source, Findings& findings) {
  TreeBuilder builder(source, findings);
  std::istringstream stream{std::string(source.text())};
  try {
    YAML::Parser parser(stream);
    parse_events(parser, builder, source, findings);
  } catch (const YAML::Exception& exception) {
    // Too deep for us is too deep for the library as well: one finding is enough.
    if (!builder.broken()) report(exception, builder, source, findings);
    return std::nullopt;
  } catch (const std::exception& exception) {
    findings.error({1, 1}, fmt::format("malformed YAML: {}", exception.what()));
    return std::nullopt;
  }
  return builder.take();
}

PlainMeaning plain_meaning(std::string_view text) {
  static constexpr std::array kNull = {"", "~", "null", "Null", "NULL"};
  static constexpr std::array kBoolean = {"true", "false", "yes", "no", "on", "off", "y", "n"};
  const auto same = [](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
  };
  if (std::any_of(kNull.begin(), kNull.end(), [&](std::string_view n) { return n == text; })) return PlainMeaning::null;
  if (std::any_of(kBoolean.begin(), kBoolean.end(), [&](std::string_view b) { return same(b, text); })) {
    return PlainMeaning::boolean;
  }
  // A sign, digits (with _), a fraction, an exponent; 0x and 0o; .inf and .nan. Anything else is text.
  std::string_view rest = text;
  if (rest.front() == '+' || rest.front() == '-') rest.remove_prefix(1);
  if (same(rest, ".inf") || same(rest, ".nan")) return PlainMeaning::number;
  if (rest.starts_with("0x") || rest.starts_with("0o")) {
    rest.remove_prefix(2);
    const bool digits = !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
      return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == '_';
    });
    return digits ? PlainMeaning::number : PlainMeaning::text;
  }
  const auto skip_digits = [&rest] {
    size_t digits = 0;
    while (!rest.empty() && (std::isdigit(static_cast<unsigned char>(rest.front())) != 0 || rest.front() == '_')) {
      if (rest.front() != '_') ++digits;
      rest.remove_prefix(1);
    }
    return digits;
  };
  size_t digits = skip_digits();
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    digits += skip_digits();
  }
  if (digits == 0) return PlainMeaning::text;
  if (rest.starts_with('e') || rest.starts_with('E')) {
    rest.remove_prefix(1);
    if (rest.starts_with('+') || rest.starts_with('-')) rest.remove_prefix(1);
    if (skip_digits() == 0) return PlainMeaning::text;
  }
  return rest.empty() ? PlainMeaning::number : PlainMeaning::text;
}

}  // namespace spendsync::config
