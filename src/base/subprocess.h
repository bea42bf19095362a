// Other programs: started without a shell, with exactly the environment and descriptors they need.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync {

struct Command {
  std::vector<std::string> arguments;              // [0] is the program, a path or found in PATH
  std::map<std::string, std::string> environment;  // added to a cleaned copy of ours (PATH, HOME, LANG, TZ, LC_*)
  std::string working_directory;                   // empty: ours
  // Stdout and stderr are appended here (made with mode 0600). Empty: run_command captures them, at most 8 MiB each,
  // and ChildProcess throws them away.
  std::string output_file;
  // run_command alone: stdout goes to this descriptor, and only stderr is captured. Negative: as said above.
  int output_descriptor = -1;
};

struct CommandOutput {
  int exit_status = 0;  // as the shell counts: 128 + signal when it was killed
  std::string out;
  std::string err;
};

/// Runs to the end. On stop or after `timeout` the child's process group gets SIGTERM, then SIGKILL.
/// Returns when the program itself has ended, also where a daemon that it started keeps its output open.
/// Standard input is empty, no other descriptor is passed on, signals have their default action.
/// Errors: not_found when the program is missing; cancelled; transient on timeout; exhausted when it writes more than
/// can be captured. A non-zero exit is no error here.
Result<CommandOutput> run_command(const Command& command, std::stop_token stop, std::chrono::seconds timeout);

/// The same, with a non-zero exit turned into an error that quotes the last lines of stderr.
Result<std::string> run_checked(const Command& command, std::stop_token stop, std::chrono::seconds timeout);

/// A child that goes on running. The destructor kills its process group with SIGKILL and reaps it: stop a server in
/// its own way first. Not thread-safe.
class ChildProcess {
 public:
  static Result<ChildProcess> start(const Command& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();
  pid_t pid() const { return pid_; }
  /// Empty while it runs; then its exit status as the shell counts.
  std::optional<int> poll();
  /// Its exit status. Errors: cancelled; transient when it still runs after `timeout`.
  Result<int> wait(std::stop_token stop, std::chrono::milliseconds timeout);
  /// Signals the whole group; nothing once it has been reaped.
  void kill(int signal);
  /// Leaves it running: the destructor then does nothing.
  void release();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

}  // namespace spendsync
