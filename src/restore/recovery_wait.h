// Recovery that does not move is named, so that nobody waits without knowing for what.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/types.h"

namespace spendsync::restore {

/// Watches one recovery. One thread.
class RecoveryWait {
 public:
  static constexpr std::chrono::seconds kFirst{30};   // without any movement, before a wait is told
  static constexpr std::chrono::seconds kRepeat{60};  // and told again while it lasts

  struct Told {
    std::string what;  // "the record at 0/3000028 (recovering 000000010000000000000003)"
    std::chrono::nanoseconds since{0};
  };
  /// Something to tell, or nothing. `replayed`: the end of the last record replayed, zero where the server does not
  /// say; `activity`: what its startup process says (postgres/startup_process.h). A change of either is movement.
  std::optional<Told> observe(std::chrono::nanoseconds now, Lsn replayed, const std::string& activity);

 private:
  std::optional<std::chrono::nanoseconds> begun_;
  std::chrono::nanoseconds next_{0};
  Lsn replayed_;
  std::string activity_;
};

}  // namespace spendsync::restore
