// JSON values. The parser library is included in json.cc alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace spendsync {

/// null, bool, integer, double, string, array or object. Objects keep the order in which members were set.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<int64_t>(value)) {}
  Json(int64_t value) : value_(value) {}
  Json(uint64_t value) : value_(value) {}
  Json(uint32_t value) : value_(static_cast<uint64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  explicit Json(Array value) : value_(std::move(value)) {}
  explicit Json(Object value) : value_(std::move(value)) {}
  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  /// Object member; makes an object of null. Replaces a member of that name. Requires: null or an object.
  Json& set(std::string_view name, Json value);
  /// Array element; makes an array of null. Requires: null or an array.
  Json& push(Json value);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const Json* find(std::string_view name) const;  // nullptr: no such member, or no object
  const Array* as_array() const { return std::get_if<Array>(&value_); }
  const Object* as_object() const { return std::get_if<Object>(&value_); }
  const std::string* as_string() const { return std::get_if<std::string>(&value_); }

  /// Typed members; `corrupt` with the member's name when missing or of another type.
  Result<std::string> text(std::string_view name) const;
  Result<uint64_t> unsigned_integer(std::string_view name) const;
  Result<int64_t> integer(std::string_view name) const;
  Result<bool> boolean(std::string_view name) const;
  Result<const Array*> array_of(std::string_view name) const;

  /// Calls `visitor` with what is inside: std::monostate (null), bool, int64_t, uint64_t, double, string, Array or
  /// Object.
  template <class Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), value_);
  }

  /// One line without spaces, or indented by two. Always valid JSON: bytes that are not UTF-8 become U+FFFD, numbers
  /// that are not finite become null.
  std::string dump(bool pretty = false) const;
  /// Errors: corrupt on malformed text, on duplicate members, on more than `max_depth` levels.
  static Result<Json> parse(std::string_view text, int max_depth = 32);

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

}  // namespace spendsync
