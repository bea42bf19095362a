// The name of this host, as manifests and log records state it.
#pragma once

#include <string>

namespace spendsync::jobs {

/// Never fails: "unknown" where the system has none.
std::string host_name();

}  // namespace spendsync::jobs
