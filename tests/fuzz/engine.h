// Runs a target on mutations without end, led by the code that they reach.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "fuzz/target.h"

namespace spendsync::fuzz {

struct EngineSettings {
  uint64_t seed = 1;
  uint64_t executions = 0;
  std::chrono::seconds time_max{0};  // zero: no limit
};

struct EngineReport {
  uint64_t executions = 0;
  uint64_t taken = 0;  // by the parser
  size_t corpus = 0;   // inputs kept because they reached new code
  size_t places = 0;   // of code reached; zero in a build without -fsanitize-coverage=trace-pc
  double duration_s = 0;
};

/// `on_input` sees every input before the target does: what a crash is remembered by.
EngineReport run_engine(const Target& target, const EngineSettings& settings,
                        const std::function<void(const Bytes&)>& on_input);

}  // namespace spendsync::fuzz
