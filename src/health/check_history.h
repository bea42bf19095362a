// Whether the server is the one whose WAL the repository holds: a part of `check` and `status`.
#pragma once

#include <stop_token>

#include "health/check_report.h"
#include "postgres/connection.h"
#include "repository/repository.h"

namespace spendsync::health {

/// Item server.history: the next backup would be refused where this is a problem. A standby is passed over.
CheckItem check_history(repository::Repository& repository, postgres::Connection& connection,
                        const postgres::ServerInfo& server, std::stop_token stop);
/// The item of a primary of which a comparison has ended so. Pure.
CheckItem judge_history(const Result<void>& same);

}  // namespace spendsync::health
