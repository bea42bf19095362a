#include "base/io_priority.h"

#include <linux/ioprio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace spendsync {

void lower_io_priority(Log& log) {
  constexpr int kLowest = IOPRIO_BE_NR - 1;
  constexpr int kThisThread = 0;
  const int priority = IOPRIO_PRIO_VALUE(static_cast<int>(IOPRIO_CLASS_BE), kLowest);
  if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, kThisThread, priority) != 0) {
    log.debug("the priority at the disk stays as it is", {{"why", std::strerror(errno)}});
  }
}

}  // namespace spendsync
