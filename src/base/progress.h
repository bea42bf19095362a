// How a running job tells how far it is. The CLI draws it; the agent will export it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace spendsync {

/// Written by workers, read by a display. All members are atomics or set before work starts: thread-safe.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A named phase begins; totals of 0 mean unknown.
  virtual void begin_phase(std::string name, uint64_t total_bytes, uint64_t total_items = 0) = 0;
  void add_bytes(uint64_t bytes) { done_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  void add_items(uint64_t items) { done_items_.fetch_add(items, std::memory_order_relaxed); }
  uint64_t done_bytes() const { return done_bytes_.load(std::memory_order_relaxed); }
  uint64_t done_items() const { return done_items_.load(std::memory_order_relaxed); }

 protected:
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<uint64_t> done_items_{0};
};

/// Counts and shows nothing.
class SilentProgress final : public Progress {
 public:
  void begin_phase(std::string, uint64_t, uint64_t) override {
    done_bytes_ = 0;
    done_items_ = 0;
  }
};

}  // namespace spendsync
