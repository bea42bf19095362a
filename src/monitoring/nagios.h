// The verdict as a line for Nagios, Icinga and their kin (monitoring-plugins.org, developer guidelines).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "health/verdict.h"

namespace spendsync::monitoring {

enum class NagiosState { ok = 0, warning = 1, critical = 2, unknown = 3 };

struct NagiosFacts {
  health::Verdict verdict;
  std::vector<std::string> problems;  // findings beside the objectives
  std::vector<std::string> warnings;
  std::chrono::seconds rpo{0};
  std::chrono::seconds rto{0};
  std::optional<uint64_t> slot_retained_bytes;
  std::optional<uint64_t> unstored_wal_bytes;
};

struct NagiosLine {
  NagiosState state = NagiosState::ok;
  std::string text;  // one line with performance data, no newline
};
/// Critical when an objective is missed or there is a problem; unknown when the server cannot be asked; warning when
/// there is a warning.
NagiosLine to_nagios(const NagiosFacts& facts);
/// For what keeps the state from being known.
NagiosLine unknown_to_nagios(const std::string& why);

}  // namespace spendsync::monitoring
