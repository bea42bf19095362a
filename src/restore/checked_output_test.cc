#include "restore/checked_output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/file.h"
#include "base/testing.h"

namespace spendsync::restore {
namespace {

class CheckedOutputTest : public ::testing::Test {
 protected:
  static Result<CommandOutput> run(const std::string& script, const Fd& output, std::stop_token stop = {}) {
    return run_with_checked_output(Command{{"/bin/sh", "-c", script}, {}, {}, {}}, output.get(), stop);
  }
  // As the program does (base/signals).
  CheckedOutputTest() : former_(::signal(SIGPIPE, SIG_IGN)) {}
  ~CheckedOutputTest() override { ::signal(SIGPIPE, former_); }

  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "ssb-test-"));
  std::string path_ = directory_.path() + "/out";

 private:
  void (*former_)(int);
};

TEST_F(CheckedOutputTest, WritesEverythingFromTheDescriptorsPositionOn) {
  const auto file = MUST(open_file(path_, O_WRONLY | O_CREAT, 0600));
  MUST(write_all(file, as_bytes("before\n"), path_));
  const auto ended = MUST(run("seq 1 200000; echo told >&2", file));
  EXPECT_EQ(ended.exit_status, 0);
  EXPECT_EQ(ended.err, "told\n");
  const auto text = MUST(read_text_file(path_, 4u << 20));
  EXPECT_TRUE(text.starts_with("before\n1\n2\n"));
  EXPECT_TRUE(text.ends_with("\n199999\n200000\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200001);
}

TEST_F(CheckedOutputTest, AFullDiskIsAnErrorThoughTheProgramDoesNotNotice) {
  const auto full = MUST(open_file("/dev/full", O_WRONLY));
  const auto small = run("echo one line", full);
  EXPECT_KIND(small, ErrorKind::exhausted);
  EXPECT_THAT(small.error().message(), ::testing::HasSubstr("No space left on device"));
  EXPECT_KIND(run("yes", full), ErrorKind::exhausted);  // which would go on for ever
}

TEST_F(CheckedOutputTest, AProgramsFailureIsToldWithItsStatus) {
  const auto file = MUST(open_file(path_, O_WRONLY | O_CREAT, 0600));
  EXPECT_EQ(MUST(run("echo half; exit 3", file)).exit_status, 3);
  EXPECT_EQ(MUST(read_text_file(path_)), "half\n");
}

TEST_F(CheckedOutputTest, AReaderThatIsGoneIsAnError) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd write_end{ends[1]};
  ::close(ends[0]);
  const auto gone = run("yes", write_end);
  ASSERT_FALSE(gone.has_value());
  EXPECT_THAT(gone.error().message(), ::testing::HasSubstr("Broken pipe"));
}

TEST_F(CheckedOutputTest, StopsWhileAReaderReadsNoMore) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read_end{ends[0]};
  const Fd write_end{ends[1]};
  std::stop_source stop;
  std::jthread stopper([&] {
    // Full: a megabyte is more than a pipe holds.
    pollfd waited{write_end.get(), POLLOUT, 0};
    while (::poll(&waited, 1, 0) == 1) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_KIND(run("head -c 1000000 /dev/zero", write_end, stop.get_token()), ErrorKind::cancelled);
}

}  // namespace
}  // namespace spendsync::restore
