// A PostgreSQL server that we start and stop ourselves: recovery of a restored directory, sandbox and demo clusters.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "base/subprocess.h"
#include "postgres/connection.h"

namespace spendsync::postgres {

/// Listens on a Unix socket in a 0700 directory only. Started as the running (unprivileged) user.
/// Whatever the directory's configuration says, it uses this data directory, no TCP, no TLS, no log collector and no
/// external pid file (Debian's configuration names the production server's), and logs in English to `log_file`.
/// The destructor stops it (immediate) if it still runs. One thread.
class ServerProcess {
 public:
  struct Settings {
    std::string bin_directory;
    std::string data_directory;
    std::string socket_directory;  // made with mode 0700 if missing; short: a socket path holds 107 bytes
    int port = 5432;               // only names the socket
    std::map<std::string, std::string> settings;  // -c name=value, over what the directory says
    std::string log_file;                         // appended to
  };
  /// Starts `postgres` and returns without waiting until it accepts connections. Errors: refused as root (hint: the
  /// user to run as) and when the socket's path is too long; conflict when a server runs on the directory already.
  static Result<ServerProcess> start(Settings settings);
  ServerProcess(ServerProcess&&) noexcept;
  ~ServerProcess();

  /// Waits until connections are accepted: on a recovering server with hot_standby from the consistent state on.
  /// `on_wait` is called about every 200 ms (progress). Errors: internal with
  /// the last FATAL or PANIC lines of its log when the server ends; cancelled; transient on timeout.
  Result<void> wait_until_ready(std::chrono::seconds timeout, std::stop_token stop,
                                const std::function<void()>& on_wait = {});
  /// Empty while it runs, then its exit status.
  std::optional<int> poll();
  enum class StopMode { smart, fast, immediate };
  /// Success also when it had ended already. Errors: transient when it still runs after `timeout`.
  Result<void> stop(StopMode mode, std::chrono::seconds timeout);
  /// What it has logged since start(), at most the last MiB.
  Result<std::string> log() const;
  std::string connection_string(const std::string& database = "postgres", const std::string& user = "") const;
  /// Leaves it running.
  void release();
  pid_t pid() const;

 private:
  struct State;
  explicit ServerProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// True when a server runs on this data directory: the process that postmaster.pid names works in it, or its shared
/// memory is still attached because backends outlived their postmaster (R1; utils/init/miscinit.c). A pid that another
/// program has meanwhile is not a server. Errors: refused when it cannot be told: the file is empty or garbled, or the
/// process belongs to another user (hint).
Result<bool> is_running(const std::string& data_directory);

/// initdb with checksums, peer-only access over the socket, UTF-8, locale C. Errors: refused as root.
struct NewClusterSettings {
  std::string bin_directory;
  std::string data_directory;
  std::string superuser = "postgres";
  bool data_checksums = true;
  int wal_segment_size_mib = 16;
};
Result<void> create_cluster(const NewClusterSettings& settings, std::stop_token stop);

}  // namespace spendsync::postgres
