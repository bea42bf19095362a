#include "wal/failure.h"

#include <array>

#include "base/file.h"
#include "base/json.h"

namespace spendsync::wal {

namespace {

constexpr const char* kFile = "/wal-get-failure.json";
constexpr size_t kFailureMax = 1u << 20;
/// What a WAL file can be that is not delivered. Anything else is `internal`.
constexpr std::array kKinds = {ErrorKind::not_found, ErrorKind::corrupt,   ErrorKind::denied,  ErrorKind::conflict,
                               ErrorKind::transient, ErrorKind::exhausted, ErrorKind::refused, ErrorKind::unsupported};

}  // namespace

void note_wal_failure(const std::string& window, const Error& error) {
  if (window.empty() || !exists(window)) return;
  auto json = Json::object();
  json.set("kind", to_string(error.kind())).set("message", error.message()).set("hint", error.hint());
  static_cast<void>(replace_file(window + kFile, as_bytes(json.dump()), 0600));
}

std::optional<Error> read_wal_failure(const std::string& window) {
  if (window.empty()) return std::nullopt;
  auto text = read_text_file(window + kFile, kFailureMax);
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  if (!json) return std::nullopt;
  auto kind = json->text("kind");
  auto message = json->text("message");
  auto hint = json->text("hint");
  if (!kind || !message || !hint) return std::nullopt;
  ErrorKind known = ErrorKind::internal;
  for (ErrorKind candidate : kKinds) {
    if (*kind == to_string(candidate)) known = candidate;
  }
  Error error(known, *message);
  if (!hint->empty()) error = std::move(error).with_hint(*hint);
  return error;
}

}  // namespace spendsync::wal
