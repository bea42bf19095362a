#include "config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "config/document.h"
#include "config/table.h"

namespace spendsync::config {
namespace {

Json schema_of(const Type& type);

Json typed(std::string_view type) {
  Json schema = Json::object();
  schema.set("type", type);
  return schema;
}

Json pattern(std::string_view expression) {
  Json schema = typed("string");
  schema.set("pattern", expression);
  return schema;
}

std::string alternatives(const std::vector<Unit>& units) {
  std::vector<std::string_view> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  return fmt::format("{}", fmt::join(names, "|"));
}

std::string size_pattern() { return fmt::format("[0-9]+ *({})", alternatives(size_units())); }

/// "^[a-z0-9][a-z0-9_-]{0,62}$"
std::string text_pattern(const TextRule& rule) {
  if (rule.first.empty()) return fmt::format("^[{}]{{{},{}}}$", rule.rest, rule.shortest, rule.longest);
  return fmt::format("^[{}][{}]{{{},{}}}$", rule.first, rule.rest, rule.shortest - 1, rule.longest - 1);
}

Json text_schema(const TextRule& rule) {
  if (!rule.rest.empty()) return pattern(text_pattern(rule));
  Json schema = typed("string");
  schema.set("minLength", static_cast<uint64_t>(rule.shortest));
  schema.set("maxLength", static_cast<uint64_t>(rule.longest));
  return schema;
}

Json integer_schema(const Type& type) {
  Json schema = typed("integer");
  schema.set("minimum", type.lowest);
  schema.set("maximum", type.highest);
  return schema;
}

Json either(Json one, Json other) {
  Json choices = Json::array();
  choices.push(std::move(one)).push(std::move(other));
  Json schema = Json::object();
  schema.set("anyOf", std::move(choices));
  return schema;
}

Json constant(Json value) {
  Json schema = Json::object();
  schema.set("const", std::move(value));
  return schema;
}

Json choice_schema(const Type& type) {
  Json names = Json::array();
  for (std::string_view choice : type.choices) names.push(choice);
  Json schema = Json::object();
  schema.set("enum", std::move(names));
  return schema;
}

Json list_schema(const Type& type) {
  Json schema = typed("array");
  schema.set("items", schema_of(*type.element));
  if (type.fewest > 0) schema.set("minItems", static_cast<uint64_t>(type.fewest));
  if (type.unique) schema.set("uniqueItems", true);
  return schema;
}

/// The default as the table has it, read by the program's own reader, so that the schema holds its JSON form.
Json default_of(const Node& node, const Type& type) {
  if (node.kind == Node::Kind::list) {
    Json array = Json::array();
    for (const Node& item : node.items) array.push(default_of(item, *type.element));
    return array;
  }
  if (node.kind == Node::Kind::map) {
    Json object = Json::object();
    for (const Node::Entry& entry : node.entries)
      object.set(entry.key, default_of(entry.value, *type.section->find(entry.key)->type));
    return object;
  }
  if (type.kind == Kind::boolean) return Json(node.text == "true");
  if (type.kind == Kind::integer) return Json(static_cast<int64_t>(std::stoll(node.text)));
  if (type.kind == Kind::rate && node.text == "0") return Json(0);
  return Json(node.text);
}

Json default_of(const Field& field) {
  Findings findings("default");
  const auto source = SourceText::create(field.default_yaml, findings);
  CHECK(source.has_value());
  const auto node = read_document(*source, findings);
  CHECK(node.has_value());
  return default_of(*node, *field.type);
}

Json field_schema(const Field& field) {
  Json schema = schema_of(*field.type);
  schema.set("description", field.help);
  if (!field.default_yaml.empty()) schema.set("default", default_of(field));
  return schema;
}

/// `type_name`: of a variant; empty for a plain section.
Json section_schema(const Section& section, std::string_view type_name) {
  Json properties = Json::object();
  Json required = Json::array();
  if (!type_name.empty()) {
    properties.set("type", constant(type_name));
    required.push("type");
  }
  for (const Field& field : section.fields) {
    properties.set(field.key, field_schema(field));
    if (field.presence == Presence::required) required.push(field.key);
  }
  Json schema = typed("object");
  schema.set("additionalProperties", false);
  if (!required.as_array()->empty()) schema.set("required", std::move(required));
  schema.set("properties", std::move(properties));
  if (section.exactly_one_of.empty()) return schema;
  Json alternatives_list = Json::array();
  for (std::string_view key : section.exactly_one_of) {
    Json keys = Json::array();
    keys.push(key);
    Json alternative = Json::object();
    alternative.set("required", std::move(keys));
    alternatives_list.push(std::move(alternative));
  }
  schema.set("oneOf", std::move(alternatives_list));
  return schema;
}

Json variant_schema(const Type& type) {
  Json variants = Json::array();
  for (const Section* section : type.variants) variants.push(section_schema(*section, section->name));
  Json schema = Json::object();
  schema.set("oneOf", std::move(variants));
  return schema;
}

std::string url_pattern(const UrlRule& rule) {
  return fmt::format("^({})://[^/ ]+{}$", fmt::join(rule.schemes, "|"), rule.path ? "([/?][^ ]*)?" : "/?");
}

Json schema_of(const Type& type) {
  switch (type.kind) {
    case Kind::section:
      return section_schema(*type.section, "");
    case Kind::variant:
      return variant_schema(type);
    case Kind::list:
      return list_schema(type);
    case Kind::text:
      return text_schema(type.text);
    case Kind::path:
      return pattern("^/");
    case Kind::boolean:
      return typed("boolean");
    case Kind::integer:
      return integer_schema(type);
    case Kind::percent:
      return pattern("^[0-9]{1,3} *%$");
    case Kind::duration:
      return pattern(fmt::format("^[0-9]+ *({})$", alternatives(duration_units())));
    case Kind::size:
      return pattern(fmt::format("^{}$", size_pattern()));
    case Kind::rate: {
      Json rate = pattern(fmt::format("^{}(/s)?$", size_pattern()));
      return type.lowest == 0 ? either(constant(0), std::move(rate)) : rate;
    }
    case Kind::cron:
      return pattern("^ *[^ ]+( +[^ ]+){4} *$");
    case Kind::time_zone:
      return pattern("^[A-Za-z][A-Za-z0-9_+/-]*$");
    case Kind::choice:
      return choice_schema(type);
    case Kind::address:
      return pattern("^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+|localhost):[0-9]{1,5}$");
    case Kind::url:
      return pattern(url_pattern(type.url));
    case Kind::email:
      return pattern("^[^@ ]+@[^@ ]+$");
    case Kind::connection:
      return typed("string");
    case Kind::workers:
      return either(constant("auto"), integer_schema(type));
  }
  CHECK(false);
}

}  // namespace

std::string config_schema_json() {
  Json schema = Json::object();
  schema.set("$schema", "http://json-schema.org/draft-07/schema#");
  schema.set("title", "SpendSync Backup: backup-config.yml");
  const Json section = section_schema(*root_type().section, "");
  for (const auto& [name, value] : *section.as_object()) schema.set(name, value);
  return schema.dump(true) + "\n";
}

}  // namespace spendsync::config
