// postmaster.pid (utils/pidfile.h). Inside this folder only.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace spendsync::postgres {

struct PostmasterPid {
  pid_t pid = 0;
  std::string status;  // "starting", "stopping", "ready", "standby"; empty in a file just made
  long shared_memory_key = 0;
  long shared_memory_id = -1;  // -1: not there yet
};
/// Errors: corrupt when the first line is no process id.
Result<PostmasterPid> parse_postmaster_pid(std::string_view text);
/// Errors: not_found when there is no such file.
Result<PostmasterPid> read_postmaster_pid(const std::string& data_directory);

}  // namespace spendsync::postgres
