// What every job is handed beside its request.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace spendsync::jobs {

/// All of it outlives the job. A job says what it found in the report that it returns; `remark` is for what is worth a
/// line while it still runs.
struct Context {
  const Clock& clock;
  RandomSource& random;
  Log& log;
  std::function<void(const std::string&)> remark;  // never empty; called by the job's own thread
  std::stop_token stop;
};

}  // namespace spendsync::jobs
