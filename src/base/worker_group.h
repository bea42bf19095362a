// Threads that succeed or fail together.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"

namespace spendsync {

/// Runs functions on threads of its own. The first error stops the group; join() returns that error after all
/// threads have ended. An exception that escapes a function becomes `internal`. Destroying an unjoined group
/// stops and joins it. Not thread-safe itself: one owner spawns and joins.
class WorkerGroup {
 public:
  /// The group stops when `outer` is requested (Ctrl-C) or a worker fails.
  explicit WorkerGroup(std::stop_token outer);
  ~WorkerGroup();
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;

  /// `name` shows in debuggers and in the error's context for escaped exceptions; 15 characters at most.
  void spawn(std::string name, std::function<Result<void>(std::stop_token)> work);
  /// Waits for all. Errors: the first that a worker returned; `cancelled` from a worker that was told to stop by
  /// another's failure does not hide the cause.
  Result<void> join();
  /// Asks all to stop, as a failure would.
  void request_stop();
  std::stop_token stop_token() const { return source_.get_token(); }

 private:
  void fail(Error error);
  std::stop_source source_;
  std::stop_token outer_token_;
  std::stop_callback<std::function<void()>> outer_;
  std::mutex mutex_;
  std::optional<Error> first_error_;
  std::vector<std::jthread> threads_;
};

/// Runs `work` as a group does: an exception that escapes becomes `internal`, naming the thread. For workers that must
/// record their failure before they end.
Result<void> run_guarded(const std::string& name, const std::function<Result<void>()>& work);

/// Cores this process may use (sched_getaffinity), at least 1.
unsigned available_cores();

}  // namespace spendsync
