#include "base/signals.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/clock.h"
#include "base/stop_event.h"
#include "base/testing.h"

namespace spendsync {
namespace {

using namespace std::chrono_literals;

/// Runs `body` in a child and returns its wait status: signals would end the test program itself.
template <class Body>
int in_child(Body body) {
  pid_t pid = fork();
  if (pid == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

/// What a program does: starts the watcher, gets signals, waits for the stop, returns the exit code.
int exit_after(std::initializer_list<int> signals) {
  auto watcher = SignalWatcher::start();
  if (!watcher) return 99;
  for (int signal : signals) ::kill(getpid(), signal);
  SystemClock clock;
  if (clock.sleep_for(20s, (*watcher)->stop_token()).has_value()) return 98;
  return (*watcher)->exit_code().value_or(97);
}

TEST(SignalWatcher, SignalsStopAndGiveTheShellsExitCode) {
  EXPECT_EQ(WEXITSTATUS(in_child([] { return exit_after({SIGINT}); })), 130);
  EXPECT_EQ(WEXITSTATUS(in_child([] { return exit_after({SIGTERM}); })), 143);
  EXPECT_EQ(WEXITSTATUS(in_child([] { return exit_after({SIGHUP}); })), 129);
}

TEST(SignalWatcher, LaterSignalsDoNothingWorse) {
  int status = in_child([] {
    auto watcher = SignalWatcher::start();
    if (!watcher) return 99;
    ::kill(getpid(), SIGTERM);
    SystemClock clock;
    if (clock.sleep_for(20s, (*watcher)->stop_token()).has_value()) return 98;
    for (int round = 0; round < 20; round++) ::kill(getpid(), SIGINT);
    return (*watcher)->exit_code().value_or(97);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 143);
}

TEST(SignalWatcher, AStopWithoutASignalHasNoExitCode) {
  auto watcher = MUST(SignalWatcher::start());
  EXPECT_FALSE(watcher->stop_token().stop_requested());
  watcher->request_stop();
  EXPECT_TRUE(watcher->stop_token().stop_requested());
  EXPECT_EQ(watcher->received(), std::nullopt);
  EXPECT_EQ(watcher->exit_code(), std::nullopt);
}

TEST(SignalWatcher, WritingToAClosedPipeIsAnError) {
  int status = in_child([] {
    auto watcher = SignalWatcher::start();
    std::array<int, 2> ends{};
    if (!watcher || pipe(ends.data()) != 0) return 99;
    close(ends[0]);
    return ::write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : 1;
  });
  EXPECT_EQ(status, 0);
}

TEST(SignalWatcher, PutsTheSignalMaskBack) {
  MUST(SignalWatcher::start()).reset();
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_FALSE(sigismember(&mask, SIGINT));
  EXPECT_FALSE(sigismember(&mask, SIGTERM));
}

TEST(StopEvent, BecomesReadableWithTheStop) {
  std::stop_source source;
  StopEvent event(source.get_token());
  pollfd watched{event.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&watched, 1, 0), 0);
  source.request_stop();
  EXPECT_EQ(poll(&watched, 1, 0), 1);
  EXPECT_EQ(poll(&watched, 1, 0), 1);  // and stays so
  StopEvent late(source.get_token());
  watched.fd = late.fd();
  EXPECT_EQ(poll(&watched, 1, 0), 1);
}

}  // namespace
}  // namespace spendsync
