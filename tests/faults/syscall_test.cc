// SIGKILL, EIO, ENOSPC and EINTR at the k-th system call of every command. Short runs take a seeded sample of the
// points, SSB_TESTS=long a hundred of each command.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/testing.h"
#include "faults/program_scene.h"

namespace spendsync::testing {
namespace {

const std::vector<std::string> kCalls = {"openat",    "read",   "pread64", "write",     "pwrite64", "fsync",
                                         "fdatasync", "syncfs", "rename",  "renameat2", "linkat",   "mkdirat",
                                         "unlinkat",  "close",  "sendto",  "recvfrom",  "fallocate"};
const std::vector<std::string> kCallsThatFail = {"openat",    "openat2", "read",   "pread64",   "write",  "pwrite64",
                                                 "fdatasync", "fsync",   "syncfs", "renameat2", "rename", "linkat"};

class Syscalls : public ::testing::Test {
 protected:
  Syscalls() : runner_(scene_.installation()) {}

  void SetUp() override {
    const auto why = runner_.unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  template <class Judge>
  void for_each_point(const std::vector<std::string>& calls, const std::vector<std::string>& effects, unsigned count,
                      Judge judge) {
    for (const auto& subject : scene_.subjects()) {
      const auto counted = runner_.count(subject.prepare(), calls);
      subject.before_again();
      for (const auto& fault : spread(counted, count, effects, subject.name.size())) {
        SCOPED_TRACE(fmt::format("{}: {} at {} {}", subject.name, fault.effect, fault.call, fault.when));
        const auto invocation = subject.prepare();
        judge(subject, invocation, runner_.run(invocation, fault));
        ASSERT_FALSE(HasFailure());
      }
    }
    scene_.expect_all_verified();
  }

  ProgramScene scene_;
  SyscallRunner runner_;
};

TEST_F(Syscalls, AKillAtAnyCallConverges) {
  unsigned killed = 0;
  unsigned runs = 0;
  for_each_point(kCalls, {"signal=SIGKILL"}, points(4, 100),
                 [&](const auto& subject, const auto& invocation, const CommandOutput& output) {
                   ++runs;
                   killed += output.exit_status == 137 ? 1u : 0u;
                   scene_.expect_convergence(subject, invocation);
                 });
  EXPECT_GE(killed, runs * 3 / 4) << "most of the kills must hit";
}

TEST_F(Syscalls, AnErrorOfAnyCallIsLoudOrHarmless) {
  unsigned failed = 0;
  for_each_point(kCallsThatFail, {"error=EIO", "error=ENOSPC", "error=EINTR"}, points(6, 100),
                 [&](const auto& subject, const auto& invocation, const CommandOutput& output) {
                   if (output.exit_status == 0) {
                     subject.check();
                   } else {
                     ++failed;
                     EXPECT_LT(output.exit_status, 128) << "it must not crash: " << output.out << output.err;
                     // What verify and list cannot read is a finding like others, named in what they print.
                     const bool found = output.out.find("DAMAGED") != std::string::npos;
                     EXPECT_TRUE(found || output.err.find("error") != std::string::npos)
                         << output.exit_status << output.out << output.err;
                     // The server takes 1 to 125 of a restore_command as the end of WAL.
                     EXPECT_TRUE(subject.name != "wal get" || output.exit_status > 125) << output.exit_status;
                   }
                   scene_.expect_convergence(subject, invocation);
                 });
  EXPECT_GT(failed, 0u);
}

}  // namespace
}  // namespace spendsync::testing
