// The program as its user has it: built, configured for a test server, run by its documented commands.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/subprocess.h"
#include "integration/real_server.h"

namespace spendsync::testing {

/// A directory repository, a key file and a backup-config.yml below server.directory(). Everything belongs to the
/// server's user. What must not fail ends the test program with the output of what failed.
class Installation {
 public:
  explicit Installation(const RealServer& server);

  /// The program with --config and these arguments, as the server's user. Any exit code.
  CommandOutput run(std::vector<std::string> arguments) const;
  /// The same as the user that runs the tests (root drops to the server's user by itself).
  CommandOutput run_as_caller(std::vector<std::string> arguments) const;
  /// backup.sh, restore.sh or dr-test.sh of the source tree; the configuration comes by $SPENDSYNC_BACKUP_CONFIG.
  CommandOutput script(const std::string& name, std::vector<std::string> arguments) const;
  /// run() that must exit with 0; its standard output.
  std::string must_run(std::vector<std::string> arguments) const;
  /// must_run with --json: the last line, the summary.
  Json must_summarize(std::vector<std::string> arguments) const;
  /// The command line that run() would start, for tests that kill it midway.
  Command command(std::vector<std::string> arguments) const;

  /// Lines added to the configuration ("files: ..."), at the top level.
  void configure(const std::string& yaml);
  /// Puts `now` in the place of `before`, which the configuration must contain.
  void reconfigure(const std::string& before, const std::string& now);
  /// The whole configuration anew.
  void replace_configuration(const std::string& yaml);

  const RealServer& server() const { return server_; }
  const std::string& program() const { return program_; }
  const std::string& config_file() const { return config_file_; }
  std::string repository_path() const { return directory_ + "/repository"; }
  std::string key_file() const { return directory_ + "/repository.key"; }
  std::string state_path() const { return directory_ + "/state"; }
  std::string directory() const { return directory_; }

 private:
  void write_file(const std::string& path, const std::string& content, mode_t mode) const;
  const RealServer& server_;
  std::string directory_;
  std::string program_;
  std::string config_file_;
  std::string config_;
};

/// The root of the source tree.
std::string source_directory();

/// "YYYY-MM-DD hh:mm:ss.ffffff+00" of the clock now.
std::string now_text();

}  // namespace spendsync::testing
