// The commands that keep data safe, each with what it needs before and what must hold after: what every runner of
// faults works through.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "faults/syscall_runner.h"
#include "integration/installation.h"

namespace spendsync::testing {

/// A server with a little data, a repository with a full backup and transaction logs, and a restored directory that
/// was not started, for `wal get`.
class ProgramScene {
 public:
  ProgramScene();

  /// One command under test.
  struct Subject {
    std::string name;
    /// Makes room for a run: new WAL, an empty target. Called before every run that is to be disturbed.
    std::function<SyscallRunner::Invocation()> prepare;
    /// Before the same command is run again: what PostgreSQL or the operator would have done.
    std::function<void()> before_again = [] {};
    /// After a run that said it succeeded: what it promised is there.
    std::function<void()> check = [] {};
  };
  std::vector<Subject> subjects();

  /// The same command again, undisturbed: must succeed. A restore that was complete when the fault came is refused.
  void expect_convergence(const Subject& subject, const SyscallRunner::Invocation& invocation);
  /// Everything that is listed is whole; to be asked once after many faults.
  void expect_all_verified();

  Installation& installation() { return installation_; }
  RealServer& server() { return server_; }
  CommandOutput run(const SyscallRunner::Invocation& invocation);

 private:
  std::string next_segment();
  std::string digest_of_repository();
  void expect_restored(const std::string& target);
  RealServer server_;
  Installation installation_;
  std::string planned_;  // the directory that `wal get` delivers to
  std::string segment_;  // what it delivers
  Bytes segment_content_;
  std::string pushed_;  // path of the segment that `wal push` is asked for
  std::string digest_;
};

/// How many points a matrix takes: SSB_TESTS=long has many.
unsigned points(unsigned when_short, unsigned when_long);

}  // namespace spendsync::testing
