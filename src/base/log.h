// Structured messages on stderr: a line for people or a JSON object a line for machines.
#pragma once

#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace spendsync {

enum class LogLevel { debug, info, warning, error };

/// Named facts of a message. Never a secret.
using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

/// Thread-safe. One per process, made in main and passed by reference.
class Log {
 public:
  enum class Format { console, json };
  struct Settings {
    LogLevel threshold = LogLevel::info;
    Format format = Format::console;
    int fd = 2;
  };
  Log(Settings settings, const Clock& clock) : settings_(settings), clock_(clock) {}
  virtual ~Log() = default;

  void debug(std::string_view message, LogFields fields = {}) { write(LogLevel::debug, message, fields); }
  void info(std::string_view message, LogFields fields = {}) { write(LogLevel::info, message, fields); }
  void warning(std::string_view message, LogFields fields = {}) { write(LogLevel::warning, message, fields); }
  void error(std::string_view message, LogFields fields = {}) { write(LogLevel::error, message, fields); }
  /// `error:` line and, where there is one, a `hint:` line.
  void failure(const Error& error);
  virtual void write(LogLevel level, std::string_view message, LogFields fields);

 private:
  Settings settings_;
  const Clock& clock_;
  std::mutex mutex_;
};

}  // namespace spendsync
