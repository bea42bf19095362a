// What was looked at, what was found, and the command that mends it.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace spendsync::health {

enum class CheckVerdict { ok, warning, problem, not_checked };
/// "ok", "warning", "problem", "not checked".
std::string_view to_string(CheckVerdict verdict);

/// One thing that was looked at. Value type.
struct CheckItem {
  std::string name{};  // stable, for scripts: "server.wal_level"
  CheckVerdict verdict = CheckVerdict::ok;
  std::string what{};  // one line
  std::string fix{};   // what to type; empty for ok
  int exit_code = 0;   // of a problem
};

/// A problem from what an operation answered: its message, its hint as the fix, its exit code.
CheckItem problem_of(std::string name, const Error& error);

/// All items in the order in which they were looked at.
class CheckReport {
 public:
  void add(CheckItem item) { items_.push_back(std::move(item)); }
  void add(std::vector<CheckItem> items);
  void pass(std::string name, std::string what);
  void skip(std::string name, std::string why);

  /// The fixes shall reach this configuration: "spendsync-backup x" becomes "spendsync-backup --config FILE x".
  void call_with(const std::string& configuration);

  const std::vector<CheckItem>& items() const { return items_; }
  size_t count(CheckVerdict verdict) const;
  /// 0 when there is no problem, else the code of the gravest: 8 damage, 7 unreachable, 2 configuration, 4 refused,
  /// any other, 10 objective missed.
  int exit_code() const;

 private:
  std::vector<CheckItem> items_;
};

}  // namespace spendsync::health
