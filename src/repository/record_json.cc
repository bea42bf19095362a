#include "repository/record_json.h"

#include <fmt/format.h>

#include <charconv>

namespace spendsync::repository {
namespace {

Error bad_member(std::string_view name, std::string_view what) {
  return Error(ErrorKind::corrupt, "member '" + std::string(name) + "' is no " + std::string(what));
}

/// The length of the UTF-8 sequence at the front (RFC 3629: no overlong forms, no surrogates); 0 when it is none.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    bool overlong = first == 0xe0 && byte(1) < 0xa0;
    bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool overlong = first == 0xf0 && byte(1) < 0x90;
    bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

}  // namespace

Result<Timestamp> read_time(const Json& object, std::string_view name) {
  auto text = TRY(object.text(name));
  auto time = parse_rfc3339(text);
  if (!time) return bad_member(name, "time");
  return *time;
}

Result<Lsn> read_lsn(const Json& object, std::string_view name) {
  auto text = TRY(object.text(name));
  auto lsn = Lsn::parse(text);
  if (!lsn) return bad_member(name, "LSN");
  return *lsn;
}

Result<std::optional<Lsn>> read_optional_lsn(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::optional<Lsn>();
  auto lsn = TRY(read_lsn(object, name));
  return std::optional(lsn);
}

Result<TimelineId> read_timeline(const Json& object, std::string_view name) {
  auto value = TRY(read_u32(object, name));
  return TimelineId{value};
}

Result<SystemIdentifier> read_system_identifier(const Json& object, std::string_view name) {
  auto text = TRY(object.text(name));
  auto identifier = SystemIdentifier::parse(text);
  if (!identifier) return bad_member(name, "system identifier");
  return *identifier;
}

Result<uint32_t> read_u32(const Json& object, std::string_view name) {
  auto value = TRY(object.unsigned_integer(name));
  if (value > UINT32_MAX) return bad_member(name, "32-bit number");
  return static_cast<uint32_t>(value);
}

Result<Label> read_label(const Json& object, std::string_view name) {
  auto text = TRY(object.text(name));
  auto label = Label::parse(text);
  if (!label) return bad_member(name, "label");
  return *std::move(label);
}

Result<std::optional<std::string>> read_optional_text(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::optional<std::string>();
  const auto* text = member->as_string();
  if (text == nullptr) return bad_member(name, "text");
  return std::optional(*text);
}

Result<std::vector<std::string>> read_texts(const Json& object, std::string_view name) {
  auto array = TRY(object.array_of(name));
  std::vector<std::string> texts;
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return bad_member(name, "array of texts");
    texts.push_back(*text);
  }
  return texts;
}

Result<crypto::Sha256Digest> parse_digest(std::string_view hex) {
  auto bytes = from_hex(hex);
  crypto::Sha256Digest digest;
  if (!bytes || bytes->size() != digest.size()) return Error(ErrorKind::corrupt, "not a SHA-256 digest");
  std::memcpy(digest.data(), bytes->data(), digest.size());
  return digest;
}

Result<crypto::Sha256Digest> read_digest(const Json& object, std::string_view name) {
  auto text = TRY(object.text(name));
  auto digest = parse_digest(text);
  if (!digest) return bad_member(name, "digest");
  return *digest;
}

Result<const Json*> read_object(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr || member->as_object() == nullptr) return bad_member(name, "object");
  return member;
}

Result<std::optional<CommitPoint>> read_commit(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::optional<CommitPoint>();
  CommitPoint commit;
  commit.time = TRY(read_time(*member, "time"));
  commit.lsn = TRY(read_lsn(*member, "lsn"));
  return std::optional(commit);
}

Result<std::optional<uint64_t>> read_optional_hex(const Json& object, std::string_view name) {
  constexpr size_t kDigits = 16;
  const Json* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::optional<uint64_t>();
  auto text = TRY(object.text(name));
  uint64_t number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  bool whole = failed == std::errc() && end == text.data() + text.size() && text.size() == kDigits;
  if (!whole) return bad_member(name, "number of 16 hexadecimal digits");
  return std::optional(number);
}

Json optional_hex_json(const std::optional<uint64_t>& number) {
  return number ? Json(fmt::format("{:016x}", *number)) : Json();
}

Json optional_lsn_json(const std::optional<Lsn>& lsn) { return lsn ? Json(lsn->to_string()) : Json(); }

Json commit_json(const std::optional<CommitPoint>& commit) {
  if (!commit) return Json();
  auto json = Json::object();
  json.set("time", format_utc(commit->time));
  json.set("lsn", commit->lsn.to_string());
  return json;
}

Json texts_json(const std::vector<std::string>& texts) {
  auto array = Json::array();
  for (const auto& text : texts) array.push(valid_text(text));
  return array;
}

Json bytes_json(std::string_view bytes) {
  if (valid_text(bytes) == bytes) return Json(bytes);
  auto object = Json::object();
  object.set("hex", to_hex(as_bytes(bytes)));
  return object;
}

Result<std::string> parse_bytes(const Json& value) {
  if (const auto* text = value.as_string()) return *text;
  auto hex = TRY(value.text("hex"));
  auto bytes = from_hex(hex);
  if (!bytes) return bad_member("hex", "hexadecimal text");
  return std::string(as_text(*bytes));
}

Result<std::string> read_bytes(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  if (member == nullptr) return bad_member(name, "text");
  return parse_bytes(*member);
}

std::string valid_text(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    auto length = sequence_length(text);
    if (length == 0) {
      valid += '?';
      length = 1;
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return valid;
}

Result<Json> parse_object(ByteView text) {
  auto json = TRY(Json::parse(as_text(text)));
  if (json.as_object() == nullptr) return Error(ErrorKind::corrupt, "not a JSON object");
  return json;
}

}  // namespace spendsync::repository
