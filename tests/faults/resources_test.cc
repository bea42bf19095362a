// Memory, descriptors, file sizes and time that run out, in every command.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>

#include "base/testing.h"
#include "faults/preload_runner.h"
#include "faults/program_scene.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};

class Resources : public ::testing::Test {
 protected:
  /// Success only where everything is there; else an exit code that nobody takes for success or the end of WAL.
  void judge(const ProgramScene::Subject& subject, const SyscallRunner::Invocation& invocation,
             const CommandOutput& output) {
    if (output.exit_status == 0) {
      subject.check();
    } else {
      ++failed_;
      EXPECT_FALSE(output.err.empty()) << "exit status " << output.exit_status << " without a word";
      EXPECT_TRUE(subject.name != "wal get" || output.exit_status > 125) << output.exit_status << output.err;
    }
    scene_.expect_convergence(subject, invocation);
  }

  ProgramScene scene_;
  unsigned failed_ = 0;
};

TEST_F(Resources, MemoryThatRunsOutIsNeverTakenForSuccess) {
  const PreloadRunner runner(scene_.installation());
  for (const auto& subject : scene_.subjects()) {
    const auto total = runner.allocations(subject.prepare());
    subject.before_again();
    const unsigned count = points(2, 50);
    for (unsigned point = 0; point < count; ++point) {
      const auto number = 1 + total * (2 * point + 1) / (2 * count);
      const auto* kind = point % 2 == 0 ? "FAULT_ALLOCATIONS" : "FAULT_ALLOCATION";
      SCOPED_TRACE(fmt::format("{}: {}={} of {}", subject.name, kind, number, total));
      const auto invocation = subject.prepare();
      judge(subject, invocation, runner.run(invocation, {{kind, std::to_string(number)}}));
      ASSERT_FALSE(HasFailure());
    }
  }
  scene_.expect_all_verified();
  EXPECT_GT(failed_, 0u);
}

TEST_F(Resources, ReadsAndWritesThatDoLessThanAskedLoseNothing) {
  const PreloadRunner runner(scene_.installation());
  for (const auto& subject : scene_.subjects()) {
    SCOPED_TRACE(subject.name);
    const auto invocation = subject.prepare();
    const auto output = runner.run(invocation, {{"FAULT_SHORT", "1"}});
    EXPECT_EQ(output.exit_status, 0) << output.out << output.err;
    subject.check();
    ASSERT_FALSE(HasFailure());
  }
  scene_.expect_all_verified();
}

TEST_F(Resources, LimitsOfTheProcessAreLoud) {
  for (const auto& subject : scene_.subjects()) {
    for (const char* limit : {"--nofile=9", "--fsize=20000", "--as=60000000"}) {
      SCOPED_TRACE(subject.name + " " + limit);
      const auto invocation = subject.prepare();
      auto command = scene_.installation().command(invocation.arguments);
      auto& words = command.arguments;
      const std::vector<std::string> prlimit{"/usr/bin/prlimit", limit};
      words.insert(std::find(words.begin(), words.end(), scene_.installation().program()), prlimit.begin(),
                   prlimit.end());
      if (!invocation.working_directory.empty()) command.working_directory = invocation.working_directory;
      const auto output = MUST(run_command(command, {}, kTimeout));
      EXPECT_NE(output.exit_status, 128 + SIGXFSZ);
      judge(subject, invocation, output);
      ASSERT_FALSE(HasFailure());
    }
  }
  scene_.expect_all_verified();
  EXPECT_GT(failed_, 0u);
}

TEST_F(Resources, ABackupThatWasFrozenForAWhileIsWholeOrSaysNo) {
  scene_.server().pgbench({"-i", "-s", "10", "-q"});
  auto child = MUST(ChildProcess::start(scene_.installation().command({"backup", "full", "--workers", "1"})));
  ASSERT_FALSE(child.wait({}, std::chrono::milliseconds(300)).has_value()) << "it must still run";
  child.kill(SIGSTOP);
  EXPECT_FALSE(child.wait({}, std::chrono::seconds(2)).has_value()) << "it is stopped";
  // runuser stops itself when it learns that its child was stopped, maybe only after it was told to go on.
  auto ended = child.wait({}, std::chrono::milliseconds(0));
  for (int i = 0; i < 120 && !ended; ++i) {
    child.kill(SIGCONT);
    ended = child.wait({}, std::chrono::seconds(1));
  }
  EXPECT_EQ(MUST(std::move(ended)), 0);
  scene_.expect_all_verified();
}

TEST_F(Resources, AClosedOutputNeverHangsIt) {
  auto command = scene_.installation().command({"backup", "full"});
  std::string line = "set -o pipefail;";
  for (const auto& word : command.arguments) line += " '" + word + "'";
  const auto output = MUST(run_command(
      Command{{"/bin/bash", "-c", line + " 2>&1 | true"}, {}, command.working_directory, {}}, {}, kTimeout));
  EXPECT_NE(output.exit_status, 124);
  EXPECT_LT(output.exit_status, 128) << "no death by SIGPIPE";
  scene_.expect_all_verified();
}

}  // namespace
}  // namespace spendsync::testing
