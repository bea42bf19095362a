#include "base/log.h"

#include "base/condition.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

namespace spendsync {

namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

// File names are other people's bytes: a newline or an escape sequence in one must not forge a line.
void append_printable(std::string& line, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (char character : text) {
    auto value = static_cast<unsigned char>(character);
    if (value >= 0x20 && value != 0x7f) {
      line += character;
    } else {
      line += "\\x";
      line += kDigits[value >> 4];
      line += kDigits[value & 15];
    }
  }
}

std::string console_line(LogLevel level, std::string_view message, LogFields fields) {
  std::string line;
  if (level != LogLevel::info) line.append(name_of(level)).append(": ");
  append_printable(line, message);
  std::string_view separator = " (";
  for (const auto& [name, value] : fields) {
    line.append(separator).append(name).append("=");
    append_printable(line, value);
    separator = ", ";
  }
  if (fields.size() > 0) line += ")";
  return line;
}

std::string json_line(Timestamp time, LogLevel level, std::string_view message, LogFields fields) {
  Json object = Json::object();
  object.set("time", format_utc(time)).set("level", name_of(level)).set("message", message);
  for (const auto& [name, value] : fields) object.set(name, value);
  return object.dump();
}

}  // namespace

void Log::write(LogLevel level, std::string_view message, LogFields fields) {
  if (level < settings_.threshold) return;
  std::string line = settings_.format == Format::json ? json_line(clock_.now(), level, message, fields)
                                                      : console_line(level, message, fields);
  line += '\n';
  std::lock_guard lock(mutex_);
  Fd fd(settings_.fd);
  // Where the log itself cannot be written there is nobody left to tell.
  static_cast<void>(write_all(fd, as_bytes(line), "log"));
  static_cast<void>(fd.release());
}

void Log::failure(const Error& error) {
  if (settings_.format == Format::json) {
    const std::string kind(to_string(error.kind()));
    const std::string code = code_of(error.condition());
    if (error.hint().empty()) {
      write(LogLevel::error, error.message(), {{"kind", kind}, {"code", code}});
    } else {
      write(LogLevel::error, error.message(), {{"kind", kind}, {"code", code}, {"hint", error.hint()}});
    }
    return;
  }
  write(LogLevel::error, error.message() + " [" + code_of(error.condition()) + "]", {});
  if (error.hint().empty()) return;
  std::string line = "hint: ";
  append_printable(line, error.hint());
  line += '\n';
  std::lock_guard lock(mutex_);
  Fd fd(settings_.fd);
  static_cast<void>(write_all(fd, as_bytes(line), "log"));
  static_cast<void>(fd.release());
}

}  // namespace spendsync
