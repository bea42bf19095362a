#include "postgres/postmaster_pid.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/testing.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {
namespace {

TEST(PostmasterPid, IsReadInEveryStage) {
  auto ready =
      MUST(parse_postmaster_pid("4711\n/var/lib/postgresql/15/main\n1795440947\n5432\n/var/run/postgresql\nlocalhost\n "
                                " 5551234      32768\nready   \n"));
  EXPECT_EQ(ready.pid, 4711);
  EXPECT_EQ(ready.status, "ready");
  EXPECT_EQ(ready.shared_memory_key, 5551234);
  EXPECT_EQ(ready.shared_memory_id, 32768);
  auto fresh = MUST(parse_postmaster_pid("4711\n/data\n1795440947\n5432\n\n"));
  EXPECT_EQ(fresh.status, "");
  EXPECT_EQ(fresh.shared_memory_id, -1);
  EXPECT_EQ(MUST(parse_postmaster_pid("-4711\n/data\n")).pid, 4711) << "a standalone backend";
}

TEST(PostmasterPid, RefusesGarbage) {
  for (const char* text : {"", "\n", "x\n", "0\n", "47x\n", "  \n4711\n"}) {
    EXPECT_KIND(parse_postmaster_pid(text), ErrorKind::corrupt);
  }
}

class IsRunning : public ::testing::Test {
 protected:
  void write_pid_file(const std::string& text) {
    MUST(replace_file(directory_.path() + "/postmaster.pid", as_bytes(text), 0600));
  }
  void write_pid(pid_t pid) { write_pid_file(std::to_string(pid) + "\n" + directory_.path() + "\n1\n5432\n"); }
  TemporaryDirectory directory_ = MUST(TemporaryDirectory::create("/tmp", "pid-"));
};

TEST_F(IsRunning, IsFalseWithoutAFile) { EXPECT_FALSE(MUST(is_running(directory_.path()))); }

TEST_F(IsRunning, CannotTellFromAGarbledFile) {
  write_pid_file("");
  EXPECT_KIND(is_running(directory_.path()), ErrorKind::refused);
  write_pid_file("not a number\n");
  EXPECT_KIND(is_running(directory_.path()), ErrorKind::refused);
}

TEST_F(IsRunning, IsFalseForAProcessThatHasEnded) {
  Command command;
  command.arguments = {"true"};
  auto child = MUST(ChildProcess::start(command));
  auto pid = child.pid();
  MUST(child.wait({}, std::chrono::seconds(30)));
  write_pid(pid);
  EXPECT_FALSE(MUST(is_running(directory_.path())));
}

TEST_F(IsRunning, IsFalseForAnotherProgramThatHasTheNumberNow) {
  write_pid(getpid());
  EXPECT_FALSE(MUST(is_running(directory_.path())));
  Command command;  // even when it works in the very directory
  command.arguments = {"sleep", "60"};
  command.working_directory = directory_.path();
  auto child = MUST(ChildProcess::start(command));
  write_pid(child.pid());
  EXPECT_FALSE(MUST(is_running(directory_.path())));
}

}  // namespace
}  // namespace spendsync::postgres
