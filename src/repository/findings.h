// Collects what verify finds, from several threads. Inside this folder only.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "repository/verify_objects.h"

namespace spendsync::repository {

/// Cancelled, a store that could not be reached, or memory or descriptors that ran out on this host: the object may be
/// whole.
bool says_nothing_of_the_object(const Error& error);

/// Thread-safe.
class Findings {
 public:
  explicit Findings(Progress* progress) : progress_(progress) {}

  void add(std::string key, ErrorKind kind, std::string what);
  void add_file(std::string key, std::string what, std::string file, uint64_t bytes);
  void add(const storage::ObjectKey& key, const Error& error) { add(key.text(), error.kind(), error.message()); }

  /// True when `result` is a value. Otherwise a finding, or an error that says nothing of the object: cancelled, a
  /// store that cannot be reached, memory or descriptors that ran out here.
  template <class T>
  Result<bool> check(const storage::ObjectKey& key, const Result<T>& result) {
    if (result) return true;
    if (says_nothing_of_the_object(result.error())) return result.error();
    add(key, result.error());
    return false;
  }

  void count_object(uint64_t bytes);
  void count_file() { files_.fetch_add(1, std::memory_order_relaxed); }
  /// The first call with this name says true: what several backups share is verified once.
  bool first_time(const std::string& name);
  VerifyReport take();

 private:
  Progress* progress_;
  std::atomic<uint64_t> objects_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> files_{0};
  std::mutex mutex_;  // guards what follows
  uint64_t total_ = 0;
  std::vector<Finding> findings_;
  std::set<std::string> done_;
};

}  // namespace spendsync::repository
