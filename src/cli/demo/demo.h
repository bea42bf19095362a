// `demo`: what the program does, shown on a throwaway PostgreSQL in under two minutes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "cli/screen/output.h"
#include "postgres/server_process.h"

namespace spendsync::cli {

/// A client that writes orders all the time and remembers, outside the database, what was acknowledged.
class DemoClient {
 public:
  struct Order {
    int64_t id = 0;
    Timestamp begun;
    Timestamp acknowledged;
  };
  DemoClient(std::string connection_string, const Clock& clock);
  ~DemoClient();
  /// Waits until so many more orders were acknowledged, 30 s at most. Errors: transient when they were not.
  Result<void> wait_for_orders(size_t more, std::stop_token stop);
  /// Ends the client; a server that is gone has ended it already.
  std::vector<Order> stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The stage: directory, configuration, key, a server, and this very program run by its commands.
class DemoStage {
 public:
  struct Settings {
    std::string directory;  // exists, is empty, belongs to the running user
    std::string program;
  };
  static Result<std::unique_ptr<DemoStage>> build(Settings settings, const Clock& clock, RandomSource& random,
                                                  std::stop_token stop);

  /// `spendsync-backup --config ... --json <arguments>`: the summary. Errors: the command's own.
  Result<Json> command(std::vector<std::string> arguments, std::stop_token stop) const;
  /// The same as a user would type it.
  static std::string shown(const std::vector<std::string>& arguments);

  Result<postgres::Connection> connect() const;
  std::string connection_string() const { return server_->connection_string("postgres", "postgres"); }
  /// Kills the server as a failing host would and removes its data directory.
  Result<void> lose_data_directory();
  /// A server on a restored data directory.
  Result<postgres::ServerProcess> start_restored(const std::string& data_directory, std::stop_token stop) const;

  const std::string& data_directory() const { return data_directory_; }
  const std::string& directory() const { return settings_.directory; }
  int major_version() const { return major_version_; }

 private:
  explicit DemoStage(Settings settings) : settings_(std::move(settings)) {}
  Result<void> find_postgres();
  Result<void> write_configuration(RandomSource& random) const;
  Result<postgres::ServerProcess> start(const std::string& data_directory, const std::string& socket_directory,
                                        std::stop_token stop) const;

  Settings settings_;
  std::string bin_directory_;
  int major_version_ = 0;
  std::string data_directory_;
  std::unique_ptr<postgres::ServerProcess> server_;
};

}  // namespace spendsync::cli
