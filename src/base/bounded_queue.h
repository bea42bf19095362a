// A queue with a capacity and an end: the only way that threads hand work to each other.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/result.h"

namespace spendsync {

/// Many producers, many consumers. Memory is bounded by `capacity` items.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

  /// Waits for room. Errors: cancelled when `stop` is requested or the queue is closed.
  Result<void> push(T item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return closed_ || items_.size() < capacity_; }) || closed_) {
      return Error(ErrorKind::cancelled, "stopped");
    }
    items_.push_back(std::move(item));
    changed_.notify_all();
    return {};
  }

  /// Waits for an item. Empty optional: closed and drained. Errors: cancelled when `stop` is requested.
  Result<std::optional<T>> pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return closed_ || !items_.empty(); })) {
      return Error(ErrorKind::cancelled, "stopped");
    }
    if (items_.empty()) return std::optional<T>();
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    changed_.notify_all();
    return item;
  }

  /// No more pushes; consumers get what is left and then the end.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace spendsync
