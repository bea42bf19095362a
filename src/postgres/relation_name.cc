#include "postgres/relation_name.h"

#include <algorithm>
#include <charconv>

#include "postgres/data_directory.h"

namespace spendsync::postgres {
namespace {

/// Takes `prefix` off the front of `text` up to the first byte that is no digit.
std::string_view take_digits(std::string_view& text) {
  auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  auto digits = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The part of `path` before its first '/', which is taken off as well.
std::string_view take_component(std::string_view& path) {
  auto slash = path.find('/');
  auto component = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return component;
}

bool is_tablespace_version_directory(std::string_view name) {
  if (!take(name, "PG_")) return false;
  if (take_digits(name).empty() || !take(name, "_")) return false;
  return !take_digits(name).empty() && name.empty();
}

/// The file's name when `path` lies directly in a directory of relations, else empty.
std::string_view name_in_relation_directory(std::string_view path) {
  auto top = take_component(path);
  if (top == "base") {
    if (!parse_oid(take_component(path))) return {};
  } else if (top == "pg_tblspc") {
    if (!parse_oid(take_component(path))) return {};
    if (!is_tablespace_version_directory(take_component(path))) return {};
    if (!parse_oid(take_component(path))) return {};
  } else if (top != "global") {
    return {};
  }
  return path.find('/') == std::string_view::npos ? path : std::string_view();
}

}  // namespace

std::optional<uint32_t> parse_oid(std::string_view text) {
  if (text.empty() || text.front() == '0') return std::nullopt;
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<RelationName> parse_relation_name(std::string_view name) {
  RelationName parsed;
  auto number = parse_oid(take_digits(name));
  if (!number) return std::nullopt;
  parsed.number = *number;
  if (take(name, "_fsm")) {
    parsed.fork = RelationName::Fork::free_space_map;
  } else if (take(name, "_vm")) {
    parsed.fork = RelationName::Fork::visibility_map;
  } else if (take(name, "_init")) {
    parsed.fork = RelationName::Fork::initial;
  }
  if (take(name, ".")) {
    auto segment = parse_oid(take_digits(name));  // ".0" is never used: the first segment has no suffix
    if (!segment) return std::nullopt;
    parsed.segment = *segment;
  }
  if (!name.empty()) return std::nullopt;
  return parsed;
}

bool is_temporary_relation_name(std::string_view name) {
  if (!take(name, "t")) return false;
  if (take_digits(name).empty() || !take(name, "_")) return false;
  return parse_relation_name(name).has_value();
}

RelationFile classify_relation_file(std::string_view relative_path) {
  auto name = parse_relation_name(name_in_relation_directory(relative_path));
  if (!name) return {};
  auto role = name->fork == RelationName::Fork::main ? FileRole::relation_main : FileRole::relation_other;
  return {role, name->segment};
}

}  // namespace spendsync::postgres
