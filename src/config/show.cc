#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "config/document.h"
#include "config/load.h"
#include "config/value.h"

namespace spendsync::config {
namespace {

/// Every text that the program writes is quoted unless no YAML reader could take it for anything else.
bool is_safe_plain(std::string_view text) {
  if (plain_meaning(text) != PlainMeaning::text) return false;
  const bool starts_well = std::isalpha(static_cast<unsigned char>(text.front())) != 0 || text.front() == '/' ||
                           std::isdigit(static_cast<unsigned char>(text.front())) != 0;
  return starts_well &&
         std::all_of(text.begin(), text.end(),
                     [](char c) {
                       return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '-' || c == '_' ||
                              c == '.' || c == '@' || c == ' ' || c == '%';
                     }) &&
         !text.ends_with(' ');
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\t') {
      result += "\\t";
    } else {
      result += c;
    }
  }
  return result + "\"";
}

/// Booleans and numbers stand without quotes, also where a type takes text beside them ("auto", "10 MiB").
bool is_number(const Value& value) {
  const Kind kind = value.type->kind;
  if (kind == Kind::integer) return true;
  return (kind == Kind::rate || kind == Kind::workers) && plain_meaning(value.text) == PlainMeaning::number;
}

std::string scalar(const Value& value) {
  if (value.type->kind == Kind::boolean || is_number(value)) return value.text;
  return is_safe_plain(value.text) ? value.text : quoted(value.text);
}

std::string origin_of(const Value& value, const std::string& file) {
  return value.is_default() ? "default" : fmt::format("{}:{}", file, value.position.line);
}

bool is_scalar(const Value& value) {
  const Kind kind = value.type->kind;
  return kind != Kind::section && kind != Kind::variant && kind != Kind::list;
}

/// Block style, an origin behind every scalar and every empty collection.
class YamlWriter {
 public:
  explicit YamlWriter(const std::string& file) : file_(file) {}

  std::string write(const Value& root) {
    out_ = fmt::format("# effective configuration of {}\n", file_);
    write_members(root, 0, false);
    return std::move(out_);
  }

 private:
  /// `in_item`: the first line continues a "- ".
  void write_members(const Value& section, size_t indent, bool in_item) {
    bool first = in_item;
    const auto begin_line = [&] {
      if (!first) out_ += std::string(indent, ' ');
      first = false;
    };
    if (section.type->kind == Kind::variant) {
      begin_line();
      line("type: " + section.text, section);
    }
    for (const Value::Member& member : section.members) {
      begin_line();
      write_entry(member, indent);
    }
  }

  void write_entry(const Value::Member& member, size_t indent) {
    const Value& value = member.value;
    const std::string key = std::string(member.key) + ":";
    if (is_scalar(value)) {
      line(fmt::format("{} {}", key, scalar(value)), value);
    } else if (value.type->kind == Kind::list && value.items.empty()) {
      line(key + " []", value);
    } else if (value.type->kind == Kind::section && value.members.empty()) {
      line(key + " {}", value);
    } else if (value.type->kind == Kind::list) {
      out_ += key + "\n";
      for (const Value& item : value.items) write_item(item, indent + 2);
    } else {
      out_ += key + "\n";
      write_members(value, indent + 2, false);
    }
  }

  void write_item(const Value& item, size_t indent) {
    out_ += std::string(indent, ' ') + "- ";
    if (is_scalar(item)) {
      line(scalar(item), item);
    } else {
      write_members(item, indent + 2, true);
    }
  }

  void line(const std::string& text, const Value& value) {
    out_ += fmt::format("{}  # {}\n", text, origin_of(value, file_));
  }

  const std::string& file_;
  std::string out_;
};

Json scalar_to_json(const Value& value) {
  if (value.type->kind == Kind::boolean) return Json(value.number != 0);
  if (is_number(value)) return Json(value.number);
  return Json(value.text);
}

class JsonWriter {
 public:
  explicit JsonWriter(const std::string& file) : file_(file) {}

  Json write(const Value& value, const std::string& path) {
    if (is_scalar(value)) {
      origins_.set(path, origin_of(value, file_));
      return scalar_to_json(value);
    }
    if (value.type->kind == Kind::list) return write_list(value, path);
    Json object = Json::object();
    if (value.type->kind == Kind::variant) object.set("type", value.text);
    for (const Value::Member& member : value.members) {
      object.set(member.key,
                 write(member.value, path.empty() ? std::string(member.key) : fmt::format("{}.{}", path, member.key)));
    }
    return object;
  }
  Json take_origins() { return std::move(origins_); }

 private:
  Json write_list(const Value& list, const std::string& path) {
    Json array = Json::array();
    for (size_t i = 0; i < list.items.size(); ++i) array.push(write(list.items[i], fmt::format("{}[{}]", path, i)));
    if (list.items.empty()) origins_.set(path, origin_of(list, file_));
    return array;
  }

  const std::string& file_;
  Json origins_ = Json::object();
};

}  // namespace

std::string show_yaml(const LoadedConfig& loaded) { return YamlWriter(loaded.file).write(*loaded.values); }

Json show_json(const LoadedConfig& loaded) {
  JsonWriter writer(loaded.file);
  Json config = writer.write(*loaded.values, "");
  Json result = Json::object();
  result.set("file", loaded.file);
  result.set("config", std::move(config));
  result.set("origins", writer.take_origins());
  return result;
}

}  // namespace spendsync::config
