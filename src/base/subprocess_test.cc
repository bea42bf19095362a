#include "base/subprocess.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

Command shell(std::string script) {
  return {.arguments = {"sh", "-c", std::move(script)}, .environment = {}, .working_directory = {}, .output_file = {}};
}

bool is_running(pid_t pid) { return ::kill(pid, 0) == 0; }

/// Waits until a process that is not our child has gone, as far as a zombie can be waited for by others.
bool ends_soon(pid_t pid) {
  for (int attempt = 0; attempt < 1000; attempt++) {
    if (!is_running(pid)) return true;
    auto state = read_text_file("/proc/" + std::to_string(pid) + "/stat");
    if (!state || state->find(") Z ") != std::string::npos) return true;
    std::this_thread::yield();
    std::this_thread::sleep_for(2ms);
  }
  return false;
}

pid_t pid_in(const std::string& path) {
  for (int attempt = 0; attempt < 5000; attempt++) {
    auto text = read_text_file(path);
    if (text && text->ends_with('\n')) return static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10));
    std::this_thread::sleep_for(1ms);
  }
  ADD_FAILURE() << path << " never appeared";
  return -1;
}

class SubprocessTest : public testing::Test {
 protected:
  std::string path(std::string_view name) const { return directory_.path() + "/" + std::string(name); }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "base_subprocess_"));
};

TEST_F(SubprocessTest, CapturesBothStreamsAndTheStatus) {
  auto output = MUST(run_command(shell("echo out; echo err >&2; exit 3"), {}, 60s));
  EXPECT_EQ(output.out, "out\n");
  EXPECT_EQ(output.err, "err\n");
  EXPECT_EQ(output.exit_status, 3);
}

TEST_F(SubprocessTest, ASignalCountsAsTheShellDoes) {
  EXPECT_EQ(MUST(run_command(shell("kill -9 $$"), {}, 60s)).exit_status, 137);
}

TEST_F(SubprocessTest, TakesMoreThanAPipeHoldsOnBothStreams) {
  auto output = MUST(run_command(shell("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero"), {}, 60s));
  EXPECT_EQ(output.out.size(), 1'000'000u);
  EXPECT_EQ(output.err.size(), 1'000'000u);
}

TEST_F(SubprocessTest, EndlessOutputEndsInAnError) {
  EXPECT_KIND(run_command(shell("cat /dev/zero"), {}, 60s), ErrorKind::exhausted);
}

TEST_F(SubprocessTest, ArgumentsAreNotSeenByAShell) {
  Command command{.arguments = {"printf", "%s|", "a b", "$HOME", "; echo x"},
                  .environment = {},
                  .working_directory = {},
                  .output_file = {}};
  EXPECT_EQ(MUST(run_checked(command, {}, 60s)), "a b|$HOME|; echo x|");
}

TEST_F(SubprocessTest, TheEnvironmentIsCleaned) {
  setenv("SSB_TEST_SECRET", "do not pass on", 1);
  setenv("LC_TEST", "passed", 1);
  Command command = shell("env");
  command.environment["EXTRA"] = "given";
  std::string out = MUST(run_checked(command, {}, 60s));
  unsetenv("SSB_TEST_SECRET");
  unsetenv("LC_TEST");
  EXPECT_THAT(out, Not(HasSubstr("SSB_TEST_SECRET")));
  EXPECT_THAT(out, HasSubstr("EXTRA=given\n"));
  EXPECT_THAT(out, HasSubstr("LC_TEST=passed\n"));
  EXPECT_THAT(out, HasSubstr("PATH="));
}

TEST_F(SubprocessTest, NoDescriptorAndNoInputIsPassedOn) {
  constexpr int kLeaked = 200;
  ASSERT_EQ(dup2(1, kLeaked), kLeaked);  // without close-on-exec
  std::string out = MUST(run_checked(shell("test -e /proc/self/fd/200 && echo leaked; cat; echo end"), {}, 60s));
  ::close(kLeaked);
  EXPECT_EQ(out, "end\n");
}

TEST_F(SubprocessTest, SignalsHaveTheirDefaultActionInTheChild) {
  auto* former = std::signal(SIGPIPE, SIG_IGN);
  std::string out = MUST(run_checked(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"), {}, 60s));
  std::signal(SIGPIPE, former);
  EXPECT_THAT(out, HasSubstr("SigBlk:\t0000000000000000"));
  // Signals 32 and 33 are glibc's own.
  EXPECT_THAT(out, testing::ContainsRegex("SigIgn:\t[0-9a-f]{7}[01][08]0000000"));
}

TEST_F(SubprocessTest, WritesToTheDescriptorItIsGivenAndCapturesStderrAlone) {
  const auto file = MUST(open_file(path("stream"), O_RDWR | O_CREAT));
  auto command = shell("echo before; echo said >&2; echo after");
  command.output_descriptor = file.get();
  const auto output = MUST(run_command(command, {}, std::chrono::seconds(10)));
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "said\n");
  EXPECT_EQ(MUST(read_text_file(path("stream"))), "before\nafter\n");
}

TEST_F(SubprocessTest, RunsInTheDirectoryAndAppendsToTheFileItIsTold) {
  Command command = shell("pwd; echo again >&2");
  command.working_directory = directory_.path();
  command.output_file = path("output");
  ASSERT_OK(run_checked(command, {}, 60s));
  ASSERT_OK(run_checked(command, {}, 60s));
  EXPECT_EQ(MUST(read_text_file(path("output"))), directory_.path() + "\nagain\n" + directory_.path() + "\nagain\n");
  command.working_directory = path("missing");
  EXPECT_KIND(run_command(command, {}, 60s), ErrorKind::not_found);
}

TEST_F(SubprocessTest, MissingProgramsAreNotFound) {
  Command command{.arguments = {"no-such-program-here"}, .environment = {}, .working_directory = {}, .output_file = {}};
  EXPECT_KIND(run_command(command, {}, 60s), ErrorKind::not_found);
  command.arguments = {path("nothing")};
  EXPECT_KIND(run_command(command, {}, 60s), ErrorKind::not_found);
  command.arguments = {"sh", "-c", "true"};
  command.environment["PATH"] = path("empty");
  EXPECT_KIND(run_command(command, {}, 60s), ErrorKind::not_found);
}

TEST_F(SubprocessTest, FailuresQuoteWhatTheProgramSaid) {
  auto result = run_checked(shell("echo first >&2; echo 'disk is on fire' >&2; exit 2"), {}, 60s);
  EXPECT_KIND(result, ErrorKind::internal);
  EXPECT_EQ(result.error().message(), "sh failed with status 2: first disk is on fire");
}

TEST_F(SubprocessTest, TimeoutEndsTheWholeGroup) {
  auto result = run_command(shell("sleep 1000 & echo $! > " + path("pid") + "; wait"), {}, 1s);
  EXPECT_KIND(result, ErrorKind::transient);
  EXPECT_TRUE(ends_soon(pid_in(path("pid"))));
}

TEST_F(SubprocessTest, StopEndsEvenWhoIgnoresSigterm) {
  std::stop_source source;
  std::jthread stopper([&] {
    pid_in(path("pid"));
    source.request_stop();
  });
  auto result = run_command(shell("trap '' TERM; echo $$ > " + path("pid") + "; while :; do sleep 0.05; done"),
                            source.get_token(), 60s);
  EXPECT_KIND(result, ErrorKind::cancelled);
  EXPECT_TRUE(ends_soon(pid_in(path("pid"))));
}

TEST_F(SubprocessTest, DoesNotStartWhenStoppedAlready) {
  std::stop_source source;
  source.request_stop();
  EXPECT_KIND(run_command(shell("touch " + path("made")), source.get_token(), 10s), ErrorKind::cancelled);
  EXPECT_FALSE(exists(path("made")));
}

TEST_F(SubprocessTest, ReturnsThoughADaemonKeepsTheOutputOpen) {
  auto output = MUST(run_command(shell("setsid sleep 1000 & echo $! > " + path("pid") + "; echo done"), {}, 60s));
  EXPECT_EQ(output.out, "done\n");
  pid_t daemon = pid_in(path("pid"));
  EXPECT_TRUE(is_running(daemon));
  ::kill(daemon, SIGKILL);
}

TEST_F(SubprocessTest, ChildProcessIsPolledAndWaitedFor) {
  Command command = shell("read line < " + path("fifo") + "; exit 5");
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  ChildProcess child = MUST(ChildProcess::start(command));
  EXPECT_EQ(child.poll(), std::nullopt);
  EXPECT_KIND(child.wait({}, 1ms), ErrorKind::transient);
  std::stop_source source;
  source.request_stop();
  EXPECT_KIND(child.wait(source.get_token(), 1h), ErrorKind::cancelled);
  Fd fifo = MUST(open_file(path("fifo"), O_WRONLY));
  ASSERT_OK(write_all(fifo, as_bytes("go\n"), "fifo"));
  EXPECT_EQ(MUST(child.wait({}, 60s)), 5);
  EXPECT_EQ(child.poll(), 5);
}

TEST_F(SubprocessTest, ChildProcessDiesWithItsOwner) {
  pid_t leader = -1;
  pid_t below = -1;
  {
    ChildProcess child = MUST(ChildProcess::start(shell("sleep 1000 & echo $! > " + path("pid") + "; wait")));
    leader = child.pid();
    below = pid_in(path("pid"));
    ChildProcess moved = std::move(child);
    EXPECT_TRUE(is_running(leader));
  }
  EXPECT_FALSE(is_running(leader));
  EXPECT_TRUE(ends_soon(below));
}

TEST_F(SubprocessTest, AReleasedChildLivesOn) {
  pid_t pid = -1;
  {
    ChildProcess child = MUST(ChildProcess::start(shell("sleep 1000")));
    pid = child.pid();
    child.release();
  }
  EXPECT_TRUE(is_running(pid));
  ::kill(-pid, SIGKILL);
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST_F(SubprocessTest, KillReachesTheGroup) {
  ChildProcess child = MUST(ChildProcess::start(shell("sleep 1000")));
  child.kill(SIGTERM);
  EXPECT_EQ(MUST(child.wait({}, 60s)), 128 + SIGTERM);
}

}  // namespace
}  // namespace spendsync
