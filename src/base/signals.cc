#include "base/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/stop_event.h"

namespace spendsync {

namespace {

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

void ignore(int signal) {
  struct sigaction action {};
  action.sa_handler = SIG_IGN;
  sigaction(signal, &action, nullptr);
}

}  // namespace

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::start() {
  ignore(SIGPIPE);  // write(2) then says EPIPE
  ignore(SIGXFSZ);  // ... and EFBIG
  sigset_t set = watched_signals();
  Fd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    int error_number = errno;
    return Error::from_errno(error_number, "cannot watch for signals");
  }
  sigset_t former_mask;
  pthread_sigmask(SIG_BLOCK, &set, &former_mask);
  std::unique_ptr<SignalWatcher> watcher(new SignalWatcher(std::move(signals), former_mask));
  try {
    watcher->watcher_ = std::jthread([self = watcher.get()](std::stop_token end) { self->watch(std::move(end)); });
  } catch (const std::system_error& error) {
    return Error::from_errno(error.code().value(), "cannot start a thread");
  }
  return watcher;
}

SignalWatcher::SignalWatcher(Fd signals, sigset_t former_mask)
    : signals_(std::move(signals)), former_mask_(former_mask) {}

SignalWatcher::~SignalWatcher() {
  watcher_.request_stop();
  if (watcher_.joinable()) watcher_.join();
  // After a signal the program is on its way out: an impatient second one, pending or still to come, must not kill it
  // between here and its exit code.
  if (!received()) pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
}

std::optional<int> SignalWatcher::received() const {
  int signal = received_.load();
  return signal == 0 ? std::nullopt : std::optional<int>(signal);
}

std::optional<int> SignalWatcher::exit_code() const {
  auto signal = received();
  return signal ? std::optional<int>(128 + *signal) : std::nullopt;
}

void SignalWatcher::watch(std::stop_token end) {
  pthread_setname_np(pthread_self(), "signals");
  StopEvent end_event(end);
  while (!end.stop_requested()) {
    std::array<pollfd, 2> watched{pollfd{signals_.get(), POLLIN, 0}, pollfd{end_event.fd(), POLLIN, 0}};
    poll(watched.data(), watched.size(), -1);
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    int none = 0;
    received_.compare_exchange_strong(none, static_cast<int>(info.ssi_signo));
    stop_.request_stop();
  }
}

}  // namespace spendsync
