#include "base/io_priority.h"

#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "base/testing.h"

namespace spendsync {
namespace {

uint64_t priority_of_this_thread() { return static_cast<uint64_t>(syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0)); }

TEST(IoPriority, IsTheLowestOfBestEffortAlsoInThreadsStartedLater) {
  SystemClock clock;
  Log log({}, clock);
  std::thread([&] {  // the test program keeps its own
    lower_io_priority(log);
    const auto own = priority_of_this_thread();
    uint64_t of_a_thread = 0;
    std::thread([&] { of_a_thread = priority_of_this_thread(); }).join();
    for (auto priority : {own, of_a_thread}) {
      EXPECT_EQ(IOPRIO_PRIO_CLASS(priority), uint64_t{IOPRIO_CLASS_BE});
      EXPECT_EQ(IOPRIO_PRIO_DATA(priority), uint64_t{IOPRIO_BE_NR - 1});
    }
  })
      .join();
}

}  // namespace
}  // namespace spendsync
