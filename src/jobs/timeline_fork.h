// A server that was put back to an earlier state goes on with a timeline of its own.
#pragma once

#include "jobs/wiring.h"
#include "postgres/server_control.h"
#include "postgres/timeline_fork.h"
#include "repository/wal_archive.h"

namespace spendsync::jobs {

/// What is looked at before the server is stopped.
struct TimelineForkScene {
  postgres::ServerInfo info;
  postgres::OperatedServer server;
  std::string divergence;  // how its WAL and the stored one differ, in a line
  SegmentName first_own;   // that is no part of the stored history
  std::unique_ptr<repository::Repository> repository;
  std::unique_ptr<repository::WalArchive> archive;
};

/// Changes nothing. Needs a wiring that writes. Errors: refused for a standby, and where the stored WAL is the server's
/// own; those of the connection and of the repository.
Result<TimelineForkScene> look_at_timeline(Wiring& wiring);

/// Stops the server, takes it to a timeline that nobody has used, starts it again whatever comes, and stores the
/// history file. Errors: those of postgres/timeline_fork.h; cancelled before the server was stopped.
Result<postgres::TimelineFork> fork_timeline(Wiring& wiring, const TimelineForkScene& scene);

}  // namespace spendsync::jobs
