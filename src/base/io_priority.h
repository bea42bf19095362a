// A place behind others at the disk.
#pragma once

#include "base/log.h"

namespace spendsync {

/// Puts this thread, and those that it starts from now on, last among best-effort readers and writers (ioprio_set(2),
/// level 7): the disk's scheduler, where it knows priorities (bfq, mq-deadline), serves the database first. Not the
/// idle class: on a disk that is never idle a backup would never end. What the system refuses is logged and no error.
void lower_io_priority(Log& log);

}  // namespace spendsync
