// An option or argument of a command as data: how it is written, what it means, where its value goes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync::cli {

/// Value type. What it writes to must outlive it: the command's own struct, which the command's `run` holds.
struct Option {
  std::vector<std::string> names{};  // "-q", "--quiet"; of an argument its one name, without dashes
  std::string description{};
  std::function<Result<void>(const std::string& value)> take{};  // of a flag: called with an empty text
  bool takes_value = false;                                      // arguments always do
  std::string value_name{};                                      // "FILE"; empty: nothing better is known
  std::vector<std::string> choices{};                            // all words that are taken; empty: any
  bool is_required = false;
  bool repeats = false;
  bool is_hidden = false;               // for this program's own use
  std::vector<std::string> needed{};    // names of options without which it makes no sense
  std::vector<std::string> excluded{};  // names of options and arguments that it contradicts

  Option required() &&;
  Option hidden() &&;
  Option needs(std::string name) &&;
  Option excludes(std::vector<std::string> others) &&;
  /// No other words are taken.
  Option only(std::vector<std::string> words) &&;
  /// These are offered by completion and help; the command itself says what it takes.
  Option offers(std::vector<std::string> words) &&;
};

/// Smallest and largest number that is taken.
struct Range {
  uint64_t least = 0;
  uint64_t most = UINT64_MAX;
};

/// `names`: "-q,--quiet".
Option flag(const std::string& names, bool& target, std::string description);
/// `value_name`: what help calls the value: FILE and DIR are completed as such.
Option option(const std::string& name, std::string value_name, std::string& target, std::string description);
Option option(const std::string& name, std::string value_name, std::optional<std::string>& target,
              std::string description);
/// May be given several times.
Option option(const std::string& name, std::string value_name, std::vector<std::string>& target,
              std::string description);
Option number(const std::string& name, std::optional<unsigned>& target, Range range, std::string description);
/// "20 MiB" or "20 MiB/s", as the configuration spells sizes; 0: no limit.
Option rate(const std::string& name, std::optional<uint64_t>& bytes_per_second, std::string description);

Option argument(const std::string& name, std::string& target, std::string description);
Option argument(const std::string& name, std::optional<std::string>& target, std::string description);
/// All words that are left.
Option argument(const std::string& name, std::vector<std::string>& target, std::string description);
Option number_argument(const std::string& name, std::optional<unsigned>& target, Range range, std::string description);

}  // namespace spendsync::cli
