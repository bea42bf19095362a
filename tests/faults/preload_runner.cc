#include "faults/preload_runner.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

}  // namespace

PreloadRunner::PreloadRunner(const Installation& installation)
    : installation_(installation), library_(installation.directory() + "/fault_preload.so") {
  MUST(run_checked(Command{{"cp", SSB_PRELOAD, library_}, {}, {}, {}}, {}, kTimeout));
  EXPECT_EQ(chmod(library_.c_str(), 0755), 0);
}

CommandOutput PreloadRunner::run(const SyscallRunner::Invocation& invocation,
                                 const std::map<std::string, std::string>& faults) const {
  auto command = installation_.command(invocation.arguments);
  auto& words = command.arguments;
  std::vector<std::string> environment{"/usr/bin/env", "LD_PRELOAD=" + library_};
  for (const auto& [name, value] : faults) environment.push_back(name + "=" + value);
  words.insert(std::find(words.begin(), words.end(), installation_.program()), environment.begin(), environment.end());
  if (!invocation.working_directory.empty()) command.working_directory = invocation.working_directory;
  return MUST(run_command(command, {}, kTimeout));
}

unsigned long PreloadRunner::allocations(const SyscallRunner::Invocation& invocation) const {
  const auto file = installation_.directory() + "/allocations";
  const auto output = run(invocation, {{"FAULT_COUNT", file}});
  EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
  return std::stoul(MUST(read_text_file(file)));
}

}  // namespace spendsync::testing
