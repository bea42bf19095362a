// Stopping and starting the server that an operator runs, in the way it was started.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "postgres/debian_clusters.h"

namespace spendsync::postgres {

/// What must be known of a running server to start it again as it was.
struct OperatedServer {
  std::string data_directory;
  std::string bin_directory;
  std::optional<DebianCluster> debian;  // started and stopped by pg_ctlcluster
  std::string options;                  // postmaster.opts
  std::string log_file;                 // where its standard error goes; empty: to no file that can be told

  /// What a person types to start it: "pg_ctlcluster 15 main start".
  std::string start_command() const;
};

/// Requires: the server runs, as this user. Errors: those of reading its files; of pg_lsclusters.
Result<OperatedServer> look_at_server(const std::string& data_directory, const std::string& bin_directory,
                                      std::stop_token stop);

/// Fast shutdown: sessions are ended, a checkpoint is written, archiving may finish. Returns when it has ended.
/// Errors: transient when it does not end within an hour; cancelled.
Result<void> stop_server(const OperatedServer& server, std::stop_token stop);

/// Returns when it accepts connections; at once where it runs already. Errors: with the last lines of what it said.
Result<void> start_server(const OperatedServer& server, std::stop_token stop);

}  // namespace spendsync::postgres
