// What must hold before a backup begins, looked at without changing anything.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/data_directory.h"
#include "repository/repository.h"

namespace spendsync::backup {

/// A server that can be backed up from here.
struct CheckedServer {
  postgres::ServerInfo info;
  std::string version_text;  // "15.8 (Debian 15.8-0+deb12u1)"
  postgres::DataDirectory directory;
  std::vector<std::string> warnings;
  int major() const { return info.version / 10000; }
};

/// Primaries and hot standbys. Errors: refused for wal_level=minimal, for a standby whose primary writes no full page
/// images, for a data directory that is not on this host or is another
/// cluster's; denied when it cannot be read or the role lacks a right (hint: the grant).
Result<CheckedServer> check_server(postgres::Connection& connection, std::stop_token stop);

/// What the repository holds about such a cluster.
repository::ClusterIdentity identity_of(const CheckedServer& server, const std::string& cluster);

/// What recovery needs to know beside the files: parameters, and where things lay at the source.
std::map<std::string, std::string> recovery_facts(const CheckedServer& server);

}  // namespace spendsync::backup
