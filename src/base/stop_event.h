// A stop_token that poll(2) can wait for.
#pragma once

#include <functional>
#include <stop_token>

#include "base/file.h"

namespace spendsync {

/// A descriptor that becomes and stays readable once `stop` is requested. For threads that wait in poll(2) on a
/// socket or a pipe at the same time. Thread-safe; must not move while it is watched.
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop);
  StopEvent(const StopEvent&) = delete;
  StopEvent& operator=(const StopEvent&) = delete;
  /// To poll for POLLIN. -1, which poll ignores, only when the system had no descriptor left.
  int fd() const { return event_.get(); }

 private:
  Fd event_;
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace spendsync
