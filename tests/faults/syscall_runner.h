// A command with a fault at its k-th system call: strace(1) kills it there, or makes the call fail.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "integration/installation.h"

namespace spendsync::testing {

/// What happens, and where. Every thread counts its own calls, so several may meet the fault.
struct SyscallFault {
  std::string call;    // "pwrite64"
  unsigned when = 1;   // the k-th of them, from 1
  std::string effect;  // in strace's words: "signal=SIGKILL", "error=EIO"
};

/// Runs the program of an installation. Any command: later commands need nothing new here.
class SyscallRunner {
 public:
  explicit SyscallRunner(const Installation& installation) : installation_(installation) {}

  /// Why no command can be run under strace here (no ptrace rights, no strace); empty: it can.
  std::string unavailable() const;

  struct Invocation {
    std::vector<std::string> arguments;
    std::string working_directory;  // empty: the server's
  };
  /// How often the busiest thread makes each of `calls` in an undisturbed run; calls that are never made are left out.
  std::map<std::string, unsigned> count(const Invocation& invocation, const std::vector<std::string>& calls) const;
  /// Exit status as the shell counts: 137 when it was killed.
  CommandOutput run(const Invocation& invocation, const SyscallFault& fault) const;

 private:
  Command traced(const Invocation& invocation, const std::vector<std::string>& options) const;
  const Installation& installation_;
};

/// `points` faults spread over what was counted: the calls take turns, and of each the k-th ones lie as far from one
/// another as they can. Repeatable by `seed`.
std::vector<SyscallFault> spread(const std::map<std::string, unsigned>& counted, unsigned points,
                                 const std::vector<std::string>& effects, uint64_t seed);

}  // namespace spendsync::testing
