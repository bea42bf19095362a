#include "base/json.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <unordered_set>

namespace spendsync {

namespace {

// ---- writing

/// Length of the valid UTF-8 sequence at the start of `text` (RFC 3629: no surrogates, no overlong forms), or 0.
size_t utf8_length(std::string_view text) {
  auto at = [&](size_t index) { return index < text.size() ? static_cast<unsigned char>(text[index]) : 0u; };
  auto continues = [&](size_t index) { return (at(index) & 0xc0) == 0x80; };
  unsigned first = at(0);
  unsigned second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if ((first & 0xf0) == 0xe0) {
    bool overlong = first == 0xe0 && second < 0xa0;
    bool surrogate = first == 0xed && second >= 0xa0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool overlong = first == 0xf0 && second < 0x90;
    bool too_large = first == 0xf4 && second >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

void append_character(std::string& out, char character) {
  switch (character) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  auto value = static_cast<unsigned char>(character);
  if (value < 0x20 || value == 0x7f) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", value);
  } else {
    out += character;
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t length = utf8_length(text);
    if (length == 1) {
      append_character(out, text[0]);
    } else if (length > 1) {
      out += text.substr(0, length);
    } else {
      out += "\xef\xbf\xbd";  // U+FFFD: JSON has no way to carry bytes that are not UTF-8
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::string text = fmt::format("{}", value);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";  // stays a double when read back
}

class Writer {
 public:
  explicit Writer(bool pretty) : pretty_(pretty) {}

  void operator()(std::monostate) { out_ += "null"; }
  void operator()(bool value) { out_ += value ? "true" : "false"; }
  void operator()(int64_t value) { fmt::format_to(std::back_inserter(out_), "{}", value); }
  void operator()(uint64_t value) { fmt::format_to(std::back_inserter(out_), "{}", value); }
  void operator()(double value) { append_double(out_, value); }
  void operator()(const std::string& value) { append_string(out_, value); }
  void operator()(const Json::Array& elements) {
    sequence(elements, "[]", [this](const Json& element) { element.visit(*this); });
  }
  void operator()(const Json::Object& members) {
    sequence(members, "{}", [this](const auto& member) {
      append_string(out_, member.first);
      out_ += pretty_ ? ": " : ":";
      member.second.visit(*this);
    });
  }

  std::string take_text() { return std::move(out_); }

 private:
  void line_break() {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(2 * depth_, ' ');
  }

  template <class Items, class WriteItem>
  void sequence(const Items& items, std::string_view brackets, WriteItem write_item) {
    out_ += brackets[0];
    depth_++;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      line_break();
      write_item(item);
    }
    depth_--;
    if (!items.empty()) line_break();
    out_ += brackets[1];
  }

  std::string out_;
  const bool pretty_;
  size_t depth_ = 0;
};

// ---- parsing

/// Receives the parser's events and builds the value. A nested container stays on the stack until it ends.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(int max_depth) : max_depth_(static_cast<size_t>(std::max(max_depth, 0))) {}

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(int64_t value) override { return add(Json(value)); }
  bool number_unsigned(uint64_t value) override { return add(Json(value)); }
  bool number_float(double value, const std::string&) override { return add(Json(value)); }
  bool string(std::string& value) override { return add(Json(std::move(value))); }
  bool binary(nlohmann::json::binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(std::string& name) override {
    if (!open_.back().names.insert(name).second) return refuse(fmt::format("member \"{}\" occurs twice", name));
    open_.back().next_name = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return refuse(fmt::format("malformed at byte {}", position));
  }

  Json take_value() { return std::move(value_); }
  const std::string& refusal() const { return refusal_; }

 private:
  struct Open {
    bool is_object = false;
    Json::Array elements;
    Json::Object members;
    std::string next_name;
    std::unordered_set<std::string> names;
  };

  bool open(bool is_object) {
    if (open_.size() >= max_depth_) return refuse(fmt::format("more than {} levels", max_depth_));
    open_.emplace_back().is_object = is_object;
    return true;
  }
  bool end() {
    Open finished = std::move(open_.back());
    open_.pop_back();
    return add(finished.is_object ? Json(std::move(finished.members)) : Json(std::move(finished.elements)));
  }
  bool add(Json value) {
    if (open_.empty()) {
      value_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.emplace_back(std::move(open_.back().next_name), std::move(value));
    } else {
      open_.back().elements.push_back(std::move(value));
    }
    return true;
  }
  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  const size_t max_depth_;
  std::vector<Open> open_;
  Json value_;
  std::string refusal_;
};

}  // namespace

Json& Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object{};
  auto* members = std::get_if<Object>(&value_);
  CHECK(members != nullptr);
  for (auto& [member, old] : *members) {
    if (member == name) {
      old = std::move(value);
      return *this;
    }
  }
  members->emplace_back(std::string(name), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  auto* elements = std::get_if<Array>(&value_);
  CHECK(elements != nullptr);
  elements->push_back(std::move(value));
  return *this;
}

const Json* Json::find(std::string_view name) const {
  if (const auto* members = as_object()) {
    for (const auto& [member, value] : *members) {
      if (member == name) return &value;
    }
  }
  return nullptr;
}

namespace {

Error not_a(std::string_view name, std::string_view type, const Json* found) {
  return {ErrorKind::corrupt, found == nullptr ? fmt::format("member \"{}\" is missing", name)
                                               : fmt::format("member \"{}\" is no {}", name, type)};
}

}  // namespace

Result<std::string> Json::text(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr || member->as_string() == nullptr) return not_a(name, "string", member);
  return *member->as_string();
}

Result<uint64_t> Json::unsigned_integer(std::string_view name) const {
  const Json* member = find(name);
  if (member != nullptr) {
    if (const auto* value = std::get_if<uint64_t>(&member->value_)) return *value;
    if (const auto* value = std::get_if<int64_t>(&member->value_); value != nullptr && *value >= 0) {
      return static_cast<uint64_t>(*value);
    }
  }
  return not_a(name, "unsigned integer", member);
}

Result<int64_t> Json::integer(std::string_view name) const {
  const Json* member = find(name);
  if (member != nullptr) {
    if (const auto* value = std::get_if<int64_t>(&member->value_)) return *value;
    if (const auto* value = std::get_if<uint64_t>(&member->value_);
        value != nullptr && std::in_range<int64_t>(*value)) {
      return static_cast<int64_t>(*value);
    }
  }
  return not_a(name, "integer", member);
}

Result<bool> Json::boolean(std::string_view name) const {
  const Json* member = find(name);
  const bool* value = member == nullptr ? nullptr : std::get_if<bool>(&member->value_);
  if (value == nullptr) return not_a(name, "boolean", member);
  return *value;
}

Result<const Json::Array*> Json::array_of(std::string_view name) const {
  const Json* member = find(name);
  if (member == nullptr || member->as_array() == nullptr) return not_a(name, "array", member);
  return member->as_array();
}

std::string Json::dump(bool pretty) const {
  Writer writer(pretty);
  visit(writer);
  return writer.take_text();
}

Result<Json> Json::parse(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  try {
    if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return builder.take_value();
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::exhausted, "not enough memory for this JSON text");
  } catch (const std::exception& exception) {
    return Error(ErrorKind::internal, fmt::format("the JSON parser failed: {}", exception.what()));
  }
  return Error(ErrorKind::corrupt, "JSON: " + builder.refusal());
}

}  // namespace spendsync
