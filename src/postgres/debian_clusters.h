// The clusters that Debian's postgresql-common manages on this host.
#pragma once

#include <sys/types.h>

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace spendsync::postgres {

/// One row of `pg_lsclusters -j`.
struct DebianCluster {
  int major = 0;
  std::string name;  // "main"
  int port = 0;
  bool running = false;
  std::string data_directory;
  std::string config_directory;
  std::string socket_directory;
  uid_t owner = 0;
  std::string title() const { return std::to_string(major) + "/" + name; }  // "15/main"
};

/// Errors: corrupt for other text.
Result<std::vector<DebianCluster>> parse_debian_clusters(std::string_view json);
/// Runs pg_lsclusters. Empty where it is not installed. Errors: those of running it.
Result<std::vector<DebianCluster>> find_debian_clusters(std::stop_token stop);

}  // namespace spendsync::postgres
