#include "base/stop_event.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace spendsync {

StopEvent::StopEvent(std::stop_token stop)
    : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(std::move(stop), [this] {
        uint64_t one = 1;
        // Can only fail when the counter is full, and then the descriptor is readable already.
        [[maybe_unused]] ssize_t written = ::write(event_.get(), &one, sizeof one);
      }) {}

}  // namespace spendsync
