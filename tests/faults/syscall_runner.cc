#include "faults/syscall_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};
constexpr const char* kStrace = "/usr/bin/strace";

}  // namespace

std::string SyscallRunner::unavailable() const {
  if (!exists(kStrace)) return "strace is not installed";
  auto probe = installation_.server().command({kStrace, "-f", "-o", "/dev/null", "-e", "trace=openat", "/bin/true"});
  const auto output = MUST(run_command(probe, {}, kTimeout));
  return output.exit_status == 0 ? "" : "no right to trace processes here: " + output.err;
}

Command SyscallRunner::traced(const Invocation& invocation, const std::vector<std::string>& options) const {
  auto command = installation_.command(invocation.arguments);
  auto& words = command.arguments;
  const auto program = std::find(words.begin(), words.end(), installation_.program());
  std::vector<std::string> strace{kStrace, "-f", "-qq"};
  strace.insert(strace.end(), options.begin(), options.end());
  words.insert(program, strace.begin(), strace.end());
  if (!invocation.working_directory.empty()) command.working_directory = invocation.working_directory;
  return command;
}

std::map<std::string, unsigned> SyscallRunner::count(const Invocation& invocation,
                                                     const std::vector<std::string>& calls) const {
  const auto log = installation_.directory() + "/strace.log";
  const auto command =
      traced(invocation, {"--seccomp-bpf", "-o", log, "-e", fmt::format("trace={}", fmt::join(calls, ","))});
  const auto output = MUST(run_command(command, {}, kTimeout));
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  std::map<std::pair<std::string, std::string>, unsigned> by_thread;
  std::istringstream lines(MUST(read_text_file(log, 256u << 20)));
  for (std::string line; std::getline(lines, line);) {  // "<pid> <call>(..." or "<pid> <... <call> resumed>..."
    const auto space = line.find(' ');
    const auto name = line.find_first_not_of(' ', space);
    const auto bracket = line.find('(', space);
    if (name == std::string::npos || bracket == std::string::npos || line[name] == '<') continue;
    ++by_thread[{line.substr(0, space), line.substr(name, bracket - name)}];
  }
  std::map<std::string, unsigned> counted;
  for (const auto& [key, times] : by_thread) {
    const auto& call = key.second;
    if (std::find(calls.begin(), calls.end(), call) != calls.end()) counted[call] = std::max(counted[call], times);
  }
  return counted;
}

CommandOutput SyscallRunner::run(const Invocation& invocation, const SyscallFault& fault) const {
  std::vector<std::string> options{"-o", "/dev/null",
                                   "-e", "trace=" + fault.call,
                                   "-e", fmt::format("inject={}:{}:when={}", fault.call, fault.effect, fault.when)};
  // Faster, but signals injected under it do not arrive (strace 6.1).
  if (!fault.effect.starts_with("signal=")) options.emplace_back("--seccomp-bpf");
  return MUST(run_command(traced(invocation, options), {}, kTimeout));
}

std::vector<SyscallFault> spread(const std::map<std::string, unsigned>& counted, unsigned points,
                                 const std::vector<std::string>& effects, uint64_t seed) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  std::vector<SyscallFault> faults;
  unsigned turn = 0;
  while (faults.size() < points && !counted.empty()) {
    for (const auto& [call, times] : counted) {
      if (faults.size() == points) break;
      const double place =
          std::fmod((static_cast<double>(seed) + turn) * kGoldenRatio + 0.37 * static_cast<double>(faults.size()), 1.0);
      faults.push_back({call, 1 + static_cast<unsigned>(place * times), effects[faults.size() % effects.size()]});
    }
    ++turn;
  }
  return faults;
}

}  // namespace spendsync::testing
