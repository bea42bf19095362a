// Shows a running job on stderr: one redrawn line on a terminal, else a line every ten seconds.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/progress.h"

namespace spendsync::cli {

/// Thread-safe. The display runs on its own thread and ends with the object.
class ProgressDisplay final : public Progress {
 public:
  enum class Style { none, terminal, lines, json };
  struct Settings {
    Style style = Style::lines;
    int fd = 2;             // bar and lines
    int json_fd = 1;        // events
    std::string operation;  // "backup full"
  };
  ProgressDisplay(Settings settings, const Clock& clock);
  ~ProgressDisplay() override;

  void begin_phase(std::string name, uint64_t total_bytes, uint64_t total_items) override;
  /// Clears the bar, so that other output starts on a clean line. Called by the destructor too.
  void finish();

 private:
  void run(std::stop_token stop);
  void draw();
  std::string describe(bool bar);
  void write_fd(int fd, const std::string& text);

  Settings settings_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string phase_;
  uint64_t total_bytes_ = 0;
  uint64_t total_items_ = 0;
  std::chrono::nanoseconds phase_began_{0};
  std::chrono::nanoseconds sampled_at_{0};
  uint64_t sampled_bytes_ = 0;
  double rate_bytes_per_second_ = 0;
  bool bar_drawn_ = false;
  std::jthread thread_;
};

/// A terminal on `fd` that can redraw a line (not TERM=dumb)?
bool can_redraw(int fd);

}  // namespace spendsync::cli
