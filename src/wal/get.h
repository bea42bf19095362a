// restore_command: `wal get %f %p` (postgres-rules R5, R6; manual, "Archive Recovery Settings").
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "repository/repository.h"
#include "wal/plan.h"

namespace spendsync::wal {

/// What PostgreSQL makes of the exit status: 0 delivered; 1 to 125 "there is no such file": recovery ends there and
/// the server is promoted; above 125 recovery stops with an error; 143 would be a quiet stop, so it is never given.
inline constexpr int kWalDelivered = 0;
inline constexpr int kWalAbsent = 1;
inline constexpr int kWalFailed = 126;

struct WalGetRequest {
  std::string file_name;                             // %f
  std::string path;                                  // %p, relative to the working directory
  std::optional<std::string> plan;                   // of a restore; relative to the working directory
  std::string working_directory = ".";               // the data directory: where PostgreSQL runs restore_command
  std::chrono::milliseconds window_timeout{60'000};  // for a segment that the restore is just fetching
};

struct WalGetOutcome {
  int exit_code = kWalFailed;
  std::string message;  // one line; empty when delivered
  std::string hint;
};

/// Opens the repository when it is needed: the window and what lies outside the plan are answered without it.
using OpenRepository = std::function<Result<repository::Repository*>()>;

/// With a plan: 0 for what is in it; 1 for what is outside, and for the backup's own WAL that lies in pg_wal already.
/// Without: 0 for what the repository holds; 1 for what it proves absent and nothing says that it should be there.
/// Everything else, wrong arguments included: 126, but 1 where the working directory has standby.signal (a standby
/// asks again, and would be ended by an error).
/// The file appears under `path` whole or not at all.
WalGetOutcome wal_get(const WalGetRequest& request, const OpenRepository& open_repository, const Clock& clock,
                      std::stop_token stop);

/// For errors from outside (configuration, keys, command line): 126, or 1 for a standby.
int wal_get_failure_code(const std::string& working_directory);

}  // namespace spendsync::wal
