// A data directory that a restore left, opened as its user would.
#pragma once

#include <string>

#include "integration/real_server.h"

namespace spendsync::testing {

/// A restored data directory, started on a socket of its own beside whatever else runs.
class RestoredServer {
 public:
  RestoredServer(const RealServer& programs, std::string data_directory)
      : programs_(programs), data_directory_(std::move(data_directory)), socket_(programs.make_directory("s")) {
    programs_.run({programs_.bin_directory() + "/pg_ctl", "start", "-w", "-t", "60", "-D", data_directory_, "-l",
                   data_directory_ + ".server.log", "-o",
                   "-c unix_socket_directories=" + socket_ + " -c port=6000 -c listen_addresses="});
  }
  ~RestoredServer() { stop(); }
  void stop() {
    if (std::exchange(stopped_, true)) return;
    programs_.run({programs_.bin_directory() + "/pg_ctl", "stop", "-w", "-m", "fast", "-D", data_directory_});
  }
  std::string connection_string() const { return "host=" + socket_ + " port=6000 user=postgres dbname=postgres"; }
  const std::string& socket() const { return socket_; }
  std::string psql(const std::string& sql) const {
    return programs_.run(
        {"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection_string(), "-c", sql});
  }

 private:
  const RealServer& programs_;
  std::string data_directory_;
  std::string socket_;
  bool stopped_ = false;
};

}  // namespace spendsync::testing
