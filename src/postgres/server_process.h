// A PostgreSQL server that we start and stop ourselves: recovery of a restored directory, sandbox and demo clusters.
#pragma once

#include <functional>
#include <map>

#include "base/log.h"
#include "base/subprocess.h"
#include "postgres/connection.h"

namespace spendsync::postgres {

/// Listens on a Unix socket in a 0700 directory only. Started as the running (unprivileged) user.
/// The destructor stops it (immediate) if it still runs.
class ServerProcess {
 public:
  struct Settings {
    std::string bin_directory;
    std::string data_directory;
    std::string socket_directory;                 // short: a socket path holds 107 bytes
    int port = 5432;                              // only names the socket
    std::map<std::string, std::string> settings;  // -c name=value, over what the directory says
    std::string log_file;
  };
  /// Starts `postgres` and returns without waiting until it accepts connections.
  static Result<ServerProcess> start(Settings settings);
  ServerProcess(ServerProcess&&) noexcept;
  ~ServerProcess();

  /// Waits until connections are accepted. `on_wait` is called about every 200 ms (progress). Errors: internal with
  /// the last FATAL or PANIC lines of its log when the server ends; cancelled; transient on timeout.
  Result<void> wait_until_ready(std::chrono::seconds timeout, std::stop_token stop,
                                const std::function<void()>& on_wait = {});
  /// Empty while it runs, then its exit status.
  std::optional<int> poll();
  enum class StopMode { smart, fast, immediate };
  Result<void> stop(StopMode mode, std::chrono::seconds timeout);
  std::string connection_string(const std::string& database = "postgres", const std::string& user = "") const;
  /// Leaves it running.
  void release();
  pid_t pid() const;

 private:
  struct State;
  explicit ServerProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// True when a postmaster runs on this data directory: postmaster.pid names a live process that is one, or the
/// lock is held (R1). Errors when that cannot be told.
Result<bool> is_running(const std::string& data_directory);

/// initdb with checksums, peer-only access over the socket, UTF-8, locale C.
struct NewClusterSettings {
  std::string bin_directory;
  std::string data_directory;
  std::string superuser = "postgres";
  bool data_checksums = true;
  int wal_segment_size_mib = 16;
};
Result<void> create_cluster(const NewClusterSettings& settings, std::stop_token stop);

}  // namespace spendsync::postgres
