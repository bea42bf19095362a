#include "wal/window.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace spendsync::wal {

std::string unfinished_segment(const std::string& file_name) { return file_name + ".fetching"; }

std::unique_ptr<WalWindow> WalWindow::start(repository::WalArchive& archive, Settings settings, const Clock& clock,
                                            Log& log, std::stop_token stop) {
  auto window = std::unique_ptr<WalWindow>(new WalWindow(archive, std::move(settings), clock, log, std::move(stop)));
  auto* self = window.get();
  for (unsigned i = 0; i < window->settings_.workers; ++i) {
    window->group_.spawn(fmt::format("wal-window-{}", i),
                         [self](std::stop_token inner) { return self->work(std::move(inner)); });
  }
  return window;
}

WalWindow::WalWindow(repository::WalArchive& archive, Settings settings, const Clock& clock, Log& log,
                     std::stop_token stop)
    : archive_(archive), settings_(std::move(settings)), clock_(clock), log_(log), group_(std::move(stop)) {}

WalWindow::~WalWindow() {
  group_.request_stop();
  static_cast<void>(group_.join());  // its errors were logged when they happened; recovery's own outcome counts
}

uint64_t WalWindow::fetched() const {
  std::lock_guard lock(mutex_);
  return fetched_;
}

Result<void> WalWindow::work(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::lock_guard lock(mutex_);
      if (failed_ || (next_ == settings_.segments.size() && waiting_.empty())) return {};
    }
    auto index = take_next();
    if (!index) {
      TRY(clock_.sleep_for(settings_.poll_interval, stop));
      continue;
    }
    SegmentName name = settings_.segments[*index];
    auto fetched = fetch(name);
    std::lock_guard lock(mutex_);
    if (fetched) {
      waiting_[*index] = true;
      ++fetched_;
      continue;
    }
    waiting_.erase(*index);
    failed_ = true;
    log_.debug("WAL is no longer fetched ahead",
               {{"segment", name.file_name(settings_.segment_size)}, {"error", fetched.error().message()}});
  }
  return {};
}

/// The next segment that there is room for. Empty: wait.
std::optional<size_t> WalWindow::take_next() {
  std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& item) {
    auto path = settings_.directory + "/" + settings_.segments[item.first].file_name(settings_.segment_size);
    return item.second && !exists(path);  // taken by `wal get`
  });
  if (next_ == settings_.segments.size() || waiting_.size() >= settings_.ahead) return std::nullopt;
  waiting_[next_] = false;
  return next_++;
}

Result<void> WalWindow::fetch(SegmentName name) {
  auto file_name = name.file_name(settings_.segment_size);
  auto temporary = settings_.directory + "/" + unfinished_segment(file_name);
  auto path = settings_.directory + "/" + file_name;
  Fd file = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  auto content = archive_.get_segment(name);
  auto written = content ? write_all(file, *content, temporary) : Result<void>(content.error());
  if (written) written = file.close();
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  if (written) written = Error::from_errno(errno, "cannot rename " + temporary);
  ::unlink(temporary.c_str());
  return written;
}

}  // namespace spendsync::wal
