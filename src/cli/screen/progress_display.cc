#include "cli/screen/progress_display.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/json.h"
#include "base/time.h"

namespace spendsync::cli {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(10);
constexpr double kRateWeight = 0.2;  // of the newest sample: smooth over about five redraws
constexpr size_t kBarWidth = 20;

size_t terminal_width(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string bar_of(double share) {
  auto filled = static_cast<size_t>(share * static_cast<double>(kBarWidth));
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

}  // namespace

bool can_redraw(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

ProgressDisplay::ProgressDisplay(Settings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock) {
  if (settings_.style != Style::none) {
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
}

ProgressDisplay::~ProgressDisplay() { finish(); }

void ProgressDisplay::begin_phase(std::string name, uint64_t total_bytes, uint64_t total_items) {
  std::lock_guard lock(mutex_);
  phase_ = std::move(name);
  total_bytes_ = total_bytes;
  total_items_ = total_items;
  done_bytes_ = 0;
  done_items_ = 0;
  phase_began_ = clock_.monotonic();
  sampled_at_ = phase_began_;
  sampled_bytes_ = 0;
  rate_bytes_per_second_ = 0;
}

void ProgressDisplay::finish() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  if (std::exchange(bar_drawn_, false)) write_fd(settings_.fd, "\r\033[K");
}

void ProgressDisplay::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const auto interval = settings_.style == Style::terminal ? std::chrono::nanoseconds(kRedrawInterval)
                                                           : std::chrono::nanoseconds(kLineInterval);
  while (!stop.stop_requested()) {
    changed_.wait_for(lock, stop, interval, [] { return false; });
    if (!stop.stop_requested() && !phase_.empty()) draw();
  }
}

void ProgressDisplay::draw() {
  const auto now = clock_.monotonic();
  const double seconds = std::chrono::duration<double>(now - sampled_at_).count();
  const uint64_t bytes = done_bytes();
  if (seconds > 0) {
    const double newest = static_cast<double>(bytes - std::min(bytes, sampled_bytes_)) / seconds;
    rate_bytes_per_second_ =
        rate_bytes_per_second_ == 0 ? newest : kRateWeight * newest + (1 - kRateWeight) * rate_bytes_per_second_;
  }
  sampled_at_ = now;
  sampled_bytes_ = bytes;
  switch (settings_.style) {
    case Style::none:
      return;
    case Style::terminal: {
      auto line = describe(true);
      line.resize(std::min(line.size(), terminal_width(settings_.fd) - 1));
      write_fd(settings_.fd, "\r" + line + "\033[K");
      bar_drawn_ = true;
      return;
    }
    case Style::lines:
      write_fd(settings_.fd, describe(false) + "\n");
      return;
    case Style::json: {
      Json event;
      event.set("event", "progress").set("operation", settings_.operation).set("phase", phase_);
      event.set("done_bytes", bytes).set("total_bytes", total_bytes_);
      event.set("done_items", done_items()).set("total_items", total_items_);
      event.set("bytes_per_second", static_cast<uint64_t>(rate_bytes_per_second_));
      write_fd(settings_.json_fd, event.dump() + "\n");
      return;
    }
  }
}

std::string ProgressDisplay::describe(bool bar) {
  const uint64_t bytes = done_bytes();
  std::string text = fmt::format("{}: {}", settings_.operation, phase_);
  if (total_bytes_ > 0) {
    const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_bytes_));
    text += fmt::format("  {}{:3.0f} %  {} of {}", bar ? bar_of(share) + " " : "", share * 100, format_bytes(bytes),
                        format_bytes(total_bytes_));
  } else if (bytes > 0) {
    text += fmt::format("  {}", format_bytes(bytes));
  }
  if (total_items_ > 0) text += fmt::format("  {}/{}", done_items(), total_items_);
  if (rate_bytes_per_second_ >= 1) {
    text += fmt::format("  {}/s", format_bytes(static_cast<uint64_t>(rate_bytes_per_second_)));
    if (total_bytes_ > bytes) {
      const auto left_s = static_cast<double>(total_bytes_ - bytes) / rate_bytes_per_second_;
      text += fmt::format("  ETA {}", format_duration(std::chrono::seconds(static_cast<int64_t>(left_s) + 1)));
    }
  } else {
    text += fmt::format(
        "  {}",
        format_duration(std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic() - phase_began_)));
  }
  return text;
}

void ProgressDisplay::write_fd(int fd, const std::string& text) {
  // Progress is best effort: a closed terminal must not fail the job.
  if (::write(fd, text.data(), text.size()) < 0) return;
}

}  // namespace spendsync::cli
