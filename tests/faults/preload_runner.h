// A command with preload.cc in it: memory that runs out, calls that do half their work.
#pragma once

#include <map>
#include <string>

#include "faults/syscall_runner.h"

namespace spendsync::testing {

class PreloadRunner {
 public:
  /// Copies the library to where the server's user can load it.
  explicit PreloadRunner(const Installation& installation);
  /// `faults` as preload.cc names them: {"FAULT_ALLOCATION", "17"}. Children of the program are not disturbed: it
  /// does not pass its environment on.
  CommandOutput run(const SyscallRunner::Invocation& invocation,
                    const std::map<std::string, std::string>& faults) const;
  /// Allocations of an undisturbed run, which must succeed.
  unsigned long allocations(const SyscallRunner::Invocation& invocation) const;

 private:
  const Installation& installation_;
  std::string library_;
};

}  // namespace spendsync::testing
