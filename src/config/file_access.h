// Who could read or change the files that a configuration consists of.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/value.h"

namespace spendsync::config {

/// The users of this process, given for tests.
struct Identity {
  uid_t running_user = 0;
  static Identity of_process();
};

/// Is this configuration file, looked at through its open descriptor, one that only root and the running user can
/// change? Errors: refused, naming the path.
Result<void> check_config_file(const struct stat& status, const std::string& path, Identity identity);

/// Every file of the tree that the table calls secret or trusted, where it exists; see load.h for the rule.
void check_named_files(const Value& root, const Config& config, Identity identity, Findings& findings);

}  // namespace spendsync::config
