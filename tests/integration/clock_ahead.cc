// Loaded into the program by LD_PRELOAD: its clock is $CLOCK_AHEAD seconds ahead of this host's, so that what it looks
// at is as old as a test needs it.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  const char* ahead = clock == CLOCK_REALTIME && result == 0 ? std::getenv("CLOCK_AHEAD") : nullptr;
  if (ahead != nullptr) time->tv_sec += std::strtol(ahead, nullptr, 10);
  return static_cast<int>(result);
}
