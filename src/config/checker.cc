#include "config/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "base/result.h"
#include "config/scalars.h"

namespace spendsync::config {
namespace {

std::string_view name_of(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a value";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "keys";
  }
  return "";
}

/// Does this unquoted or quoted scalar have the shape that YAML, and so the schema, gives this type?
std::optional<Flaw> judge_quoting(const Node& node, const Type& type) {
  const bool may_be_number = type.kind == Kind::rate || type.kind == Kind::workers;
  const bool wants_number =
      type.kind == Kind::integer || (may_be_number && plain_meaning(node.text) == PlainMeaning::number);
  const bool wants_boolean = type.kind == Kind::boolean;
  if ((wants_number || wants_boolean) && !node.plain) {
    return Flaw{0,
                fmt::format("{} is quoted text, not {}", quote(node.text), wants_number ? "a number" : "true or false"),
                "remove the quotes"};
  }
  const bool wants_text = type.kind == Kind::text || type.kind == Kind::time_zone;
  if (!wants_text || !node.plain) return std::nullopt;
  const PlainMeaning meaning = plain_meaning(node.text);
  if (meaning == PlainMeaning::text) return std::nullopt;
  return Flaw{0,
              fmt::format("{} reads as a {}, not as text", quote(node.text),
                          meaning == PlainMeaning::number ? "number" : "boolean"),
              fmt::format("write \"{}\" in quotes", node.text)};
}

class Checker {
 public:
  Checker(const SourceText* source, Findings& findings) : source_(source), findings_(findings) {}

  /// `path` names the value in messages: "schedules.full"; empty for the whole file.
  Value check(const Node& node, const Type& type, const std::string& path) {
    switch (type.kind) {
      case Kind::section:
        return check_section_type(node, type, path);
      case Kind::variant:
        return check_variant(node, type, path);
      case Kind::list:
        return check_list(node, type, path);
      default:
        return check_scalar(node, type, path);
    }
  }

 private:
  static Value start(const Node& node, const Type& type) {
    Value value;
    value.type = &type;
    value.position = node.position;
    return value;
  }

  void wrong_kind(const Node& node, std::string_view path, std::string_view expected, std::string suggestion) {
    const std::string name = path.empty() ? "the file" : fmt::format("'{}'", path);
    if (node.kind == Node::Kind::null) {
      findings_.error(node.position, fmt::format("{} has no value", name), std::move(suggestion));
    } else {
      findings_.error(node.position, fmt::format("{} must be {}, not {}", name, expected, name_of(node.kind)),
                      std::move(suggestion));
    }
  }

  Value check_scalar(const Node& node, const Type& type, const std::string& path) {
    Value value = start(node, type);
    if (node.kind != Node::Kind::scalar) {
      wrong_kind(node, path, "one value", node.kind == Node::Kind::null ? "give one, or remove the key" : "");
      return value;
    }
    if (auto wrong = judge_quoting(node, type)) {
      report(node, path, *wrong);
      return value;
    }
    auto parsed = parse_scalar(node.text, type);
    if (!parsed) {
      report(node, path, parsed.error());
      return value;
    }
    value.text = std::move(parsed->text);
    value.number = parsed->number;
    return value;
  }

  void report(const Node& node, const std::string& path, const Flaw& found) {
    findings_.error(place_of(node, found.offset), fmt::format("'{}': {}", path, found.message), found.suggestion);
  }

  /// Where the flaw stands in the file: exact unless escapes or folded lines lie between the file and the value.
  Position place_of(const Node& node, size_t offset) const {
    if (source_ == nullptr || offset == 0) return node.position;
    const size_t begin = node.offset + (node.plain ? 0 : 1);
    const std::string_view written = source_->text();
    const bool verbatim = begin <= written.size() && written.substr(begin).starts_with(node.text);
    return verbatim ? source_->position_of(begin + offset) : node.position;
  }

  Value check_list(const Node& node, const Type& type, const std::string& path) {
    Value value = start(node, type);
    if (node.kind != Node::Kind::list) {
      wrong_kind(node, path, "a list",
                 node.kind == Node::Kind::scalar ? "write it in brackets: [ ... ]" : "write '[]' for none");
      return value;
    }
    if (node.items.size() < type.fewest) {
      findings_.error(node.position, fmt::format("'{}' is empty", path), "it needs at least one item");
    }
    std::set<std::string> seen;
    for (size_t i = 0; i < node.items.size() && !findings_.is_full(); ++i) {
      const std::string item_path = fmt::format("{}[{}]", path, i);
      value.items.push_back(check(node.items[i], *type.element, item_path));
      const std::string& text = value.items.back().text;
      if (type.unique && !text.empty() && !seen.insert(text).second) {
        findings_.error(node.items[i].position, fmt::format("'{}': {} is in the list twice", path, quote(text)),
                        "remove one");
      }
    }
    return value;
  }

  Value check_section_type(const Node& node, const Type& type, const std::string& path) {
    Value value = start(node, type);
    if (node.kind != Node::Kind::map) {
      wrong_kind(node, path, "keys with values", node.kind == Node::Kind::null ? "give it keys, or remove it" : "");
      return value;
    }
    check_fields(node, *type.section, path, value);
    return value;
  }

  Value check_variant(const Node& node, const Type& type, const std::string& path) {
    Value value = start(node, type);
    std::vector<std::string_view> names;
    for (const Section* section : type.variants) names.push_back(section->name);
    if (node.kind != Node::Kind::map) {
      wrong_kind(node, path, "keys with values", fmt::format("begin with 'type: {}'", names.front()));
      return value;
    }
    const auto entry =
        std::find_if(node.entries.begin(), node.entries.end(), [](const auto& e) { return e.key == "type"; });
    if (entry == node.entries.end()) {
      findings_.error(node.position, fmt::format("'{}' has no 'type'", path), "add 'type' with " + join_choices(names));
      return value;
    }
    Type type_of_type;
    type_of_type.kind = Kind::choice;
    type_of_type.choices = names;
    value.text = check_scalar(entry->value, type_of_type, path + ".type").text;
    for (const Section* section : type.variants) {
      if (section->name == value.text) check_fields(node, *section, path, value);
    }
    return value;
  }

  /// Unknown and duplicate keys first, then the table's keys in its order.
  void check_fields(const Node& node, const Section& section, const std::string& path, Value& value) {
    const bool is_variant = value.type->kind == Kind::variant;
    std::set<std::string_view> seen;
    for (const Node::Entry& entry : node.entries) {
      const Field* field = section.find(entry.key);
      const bool is_type = is_variant && entry.key == "type";
      if (field == nullptr && !is_type) {
        unknown_key(entry, section, is_variant, path);
      } else if (!seen.insert(entry.key).second) {
        duplicate_key(node, entry, path);
      }
    }
    for (const Field& field : section.fields) {
      if (findings_.is_full()) return;
      const auto entry =
          std::find_if(node.entries.begin(), node.entries.end(), [&](const auto& e) { return e.key == field.key; });
      const std::string field_path = path.empty() ? std::string(field.key) : fmt::format("{}.{}", path, field.key);
      if (entry != node.entries.end()) {
        value.members.push_back({field.key, check(entry->value, *field.type, field_path)});
      } else {
        add_absent(node, field, field_path, value);
      }
    }
    check_exactly_one(node, section, path);
  }

  void add_absent(const Node& node, const Field& field, const std::string& path, Value& value) {
    if (field.presence == Presence::optional) return;
    if (field.presence == Presence::defaulted) {
      value.members.push_back({field.key, default_value(field)});
      return;
    }
    const std::string where = path.size() == field.key.size()
                                  ? std::string()
                                  : fmt::format(" under '{}'", path.substr(0, path.size() - field.key.size() - 1));
    findings_.error(node.position, fmt::format("missing key '{}'{}", field.key, where), missing_suggestion(field));
  }

  static std::string missing_suggestion(const Field& field) {
    if (field.key == "version") return "begin the file with 'version: 1'";
    if (field.key == "storage") {
      return "for example 'storage: { primary: { type: directory, path: /var/lib/spendsync/backups } }'";
    }
    if (field.key == "primary") {
      return "for example 'primary: { type: directory, path: /var/lib/spendsync/backups }'";
    }
    if (field.key == "encryption") {
      return "every repository is sealed: make a key with '(umask 077; openssl rand 32 > "
             "/etc/spendsync/backup/repository.key)' and name it under encryption.keys as "
             "'{ type: key-file, path: /etc/spendsync/backup/repository.key }'";
    }
    if (field.key == "keys") {
      return "for example '- { type: key-file, path: /etc/spendsync/backup/repository.key }', made with "
             "'(umask 077; openssl rand 32 > /etc/spendsync/backup/repository.key)'";
    }
    return fmt::format("add it: {}", field.help);
  }

  /// The table's own text through the same checks: a default that fails them is our mistake.
  static Value default_value(const Field& field) {
    Findings findings("default");
    Checker checker(nullptr, findings);
    std::optional<Node> node;
    if (field.type->kind == Kind::section) {
      node.emplace();
      node->kind = Node::Kind::map;
    } else {
      const auto source = SourceText::create(field.default_yaml, findings);
      CHECK(source.has_value());
      node = read_document(*source, findings);
      CHECK(node.has_value());
    }
    Value value = checker.check(*node, *field.type, std::string(field.key));
    CHECK(!findings.has_errors());
    forget_positions(value);
    return value;
  }

  static void forget_positions(Value& value) {
    value.position = {};
    for (Value::Member& member : value.members) forget_positions(member.value);
    for (Value& item : value.items) forget_positions(item);
  }

  void duplicate_key(const Node& node, const Node::Entry& entry, const std::string& path) {
    const auto first =
        std::find_if(node.entries.begin(), node.entries.end(), [&](const auto& e) { return e.key == entry.key; });
    findings_.error(entry.key_position, fmt::format("duplicate key '{}'{}", entry.key, under(path)),
                    fmt::format("it was already given on line {}", first->key_position.line));
  }

  void unknown_key(const Node::Entry& entry, const Section& section, bool is_variant, const std::string& path) {
    std::vector<std::string_view> keys = section.keys();
    if (is_variant) keys.push_back("type");
    std::string suggestion = secret_suggestion(entry.key, keys);
    if (suggestion.empty()) suggestion = did_you_mean(entry.key, keys);
    if (suggestion.empty() && keys.size() <= 8) suggestion = "known here: " + join_choices(keys);
    findings_.error(entry.key_position, fmt::format("unknown key {}{}", quote(entry.key), under(path)),
                    std::move(suggestion));
  }

  /// A key that would hold a secret is answered with the key that names a file.
  static std::string secret_suggestion(std::string_view key, const std::vector<std::string_view>& known) {
    std::string lower(key);
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::string file_key = lower + "_file";
    const auto has = [&](std::string_view k) { return std::find(known.begin(), known.end(), k) != known.end(); };
    if (has(file_key)) {
      return fmt::format("secrets are not written here: put it into a file of mode 0600 and name that in '{}'",
                         file_key);
    }
    static constexpr std::string_view kSecretWords[] = {"password", "passwd",     "passphrase", "token",
                                                        "secret",   "access_key", "api_key"};
    const bool is_secret = std::any_of(std::begin(kSecretWords), std::end(kSecretWords),
                                       [&](std::string_view word) { return lower.find(word) != std::string::npos; });
    if (!is_secret || lower.ends_with("_file")) return {};
    if (has("access_key_file")) return "secrets are not written here: name a file of mode 0600 in 'access_key_file'";
    if (has("credentials"))
      return "secrets are not written here: name a file of mode 0600 in 'credentials.access_key_file'";
    if (has("connection")) return "secrets are not written here: put it into ~/.pgpass (mode 0600) or a service file";
    for (std::string_view k : known) {
      if (k.ends_with("_file")) {
        return fmt::format("secrets are not written here: put it into a file of mode 0600 and name that in '{}'", k);
      }
    }
    return "secrets are not written here, only the names of files that hold them";
  }

  void check_exactly_one(const Node& node, const Section& section, const std::string& path) {
    if (section.exactly_one_of.empty()) return;
    const auto is_choice = [&](const Node::Entry& e) {
      return std::find(section.exactly_one_of.begin(), section.exactly_one_of.end(), e.key) !=
             section.exactly_one_of.end();
    };
    const auto given = std::count_if(node.entries.begin(), node.entries.end(), is_choice);
    if (given == 1) return;
    findings_.error(node.position,
                    fmt::format("'{}' needs exactly one of {}", path, join_choices(section.exactly_one_of)),
                    given == 0 ? "add one" : "keep one");
  }

  static std::string under(const std::string& path) {
    return path.empty() ? std::string() : fmt::format(" under '{}'", path);
  }

  const SourceText* source_;
  Findings& findings_;
};

/// A file of a newer format would only give misleading findings: its version is judged before anything else.
bool has_known_version(const Node& document, Findings& findings) {
  if (document.kind != Node::Kind::map) return true;
  for (const Node::Entry& entry : document.entries) {
    if (entry.key != "version" || entry.value.kind != Node::Kind::scalar || !entry.value.plain) continue;
    const std::string& text = entry.value.text;
    const bool digits =
        !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || text == "1" || text.front() == '0') return true;
    findings.error(entry.value.position,
                   fmt::format("version {} is newer than this program, which knows version 1", quote(text)),
                   "update spendsync-backup, or use the configuration file that belongs to this release");
    return false;
  }
  return true;
}

}  // namespace

Value check_document(const Node& document, const SourceText& source, Findings& findings) {
  Value value;
  value.type = &root_type();
  if (!has_known_version(document, findings)) return value;
  return Checker(&source, findings).check(document, root_type(), "");
}

}  // namespace spendsync::config
