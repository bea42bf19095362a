// SIGINT, SIGTERM and SIGHUP become a stop request; SIGPIPE and SIGXFSZ become errors of the write that caused them.
#pragma once

#include <signal.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/file.h"

namespace spendsync {

/// Made once in main, before any other thread: the signals are blocked in this thread and so in all that it starts,
/// and one thread of its own takes them from a descriptor (signalfd(2)); no code runs in a signal handler. The first
/// signal requests the stop; later ones change nothing, so that an impatient second Ctrl-C interrupts no clean-up.
/// A signal that was ignored when the program started (nohup, `&` in a script) stays ignored.
/// The destructor ends the watching thread and, unless a signal has come, puts the former mask back. Thread-safe.
class SignalWatcher {
 public:
  /// Errors: as Error::from_errno when the system has no descriptor or thread left.
  static Result<std::unique_ptr<SignalWatcher>> start();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher();

  /// Requested by the first signal, or by request_stop().
  std::stop_token stop_token() const { return stop_.get_token(); }
  void request_stop() { stop_.request_stop(); }
  /// The first signal that came; empty: none.
  std::optional<int> received() const;
  /// What main returns after a stop by signal, as the shell counts: 130 for SIGINT, 143 for SIGTERM; empty: none came.
  std::optional<int> exit_code() const;

 private:
  SignalWatcher(Fd signals, sigset_t former_mask);
  void watch(std::stop_token end);

  Fd signals_;
  sigset_t former_mask_;
  std::stop_source stop_;
  std::atomic<int> received_{0};
  std::jthread watcher_;  // last: it uses everything above
};

}  // namespace spendsync
