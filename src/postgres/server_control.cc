#include "postgres/server_control.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/subprocess.h"
#include "postgres/postmaster_pid.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {

namespace {

constexpr std::chrono::seconds kTimeout(3600);

/// The file that the postmaster's standard error is, as it was started with `pg_ctl -l` or a redirection.
std::string log_file_of(int64_t pid) {
  auto link = fmt::format("/proc/{}/fd/2", pid);
  std::array<char, 4096> target{};
  auto size = ::readlink(link.c_str(), target.data(), target.size() - 1);
  if (size <= 0) return {};
  std::string path(target.data(), static_cast<size_t>(size));
  struct stat status {};
  bool regular = ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  return regular ? path : std::string();
}

std::vector<std::string> debian_command(const DebianCluster& cluster, const std::string& action) {
  return {"pg_ctlcluster", std::to_string(cluster.major), cluster.name, action};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> pg_ctl(const OperatedServer& server) {
  return {server.bin_directory + "/pg_ctl", "-D", server.data_directory, "-w", "-t", std::to_string(kTimeout.count())};
}

}  // namespace

std::string OperatedServer::start_command() const {
  if (debian) return joined(debian_command(*debian, "start"));
  return joined({bin_directory + "/pg_ctl", "-D", data_directory, "start"});
}

Result<OperatedServer> look_at_server(const std::string& data_directory, const std::string& bin_directory,
                                      std::stop_token stop) {
  constexpr size_t kOptionsMax = 64u << 10;
  OperatedServer server{data_directory, bin_directory, std::nullopt, {}, {}};
  auto clusters = TRY(find_debian_clusters(stop));
  auto found = std::ranges::find(clusters, data_directory, &DebianCluster::data_directory);
  if (found != clusters.end()) server.debian = *found;
  server.options = TRY(read_text_file(data_directory + "/postmaster.opts", kOptionsMax));
  auto postmaster = TRY(read_postmaster_pid(data_directory));
  server.log_file = log_file_of(postmaster.pid);
  return server;
}

Result<void> stop_server(const OperatedServer& server, std::stop_token stop) {
  Command command;
  command.arguments = pg_ctl(server);
  command.arguments.insert(command.arguments.end(), {"-m", "fast", "stop"});
  TRY_CONTEXT(run_checked(command, stop, kTimeout), "stopping the server on " + server.data_directory);
  return {};
}

Result<void> start_server(const OperatedServer& server, std::stop_token stop) {
  auto running = TRY(is_running(server.data_directory));
  if (running) return {};
  Command command;
  if (server.debian) {
    command.arguments = debian_command(*server.debian, "start");
  } else {
    // `restart` takes the options from the file that the last start left: of a server of our own it would be another.
    TRY(replace_file(server.data_directory + "/postmaster.opts", as_bytes(server.options), 0600));
    command.arguments = pg_ctl(server);
    command.arguments.insert(command.arguments.end(),
                             {"-l", server.log_file.empty() ? "/dev/null" : server.log_file, "restart"});
  }
  auto started = run_checked(command, stop, kTimeout);
  if (started) return {};
  return std::move(started)
      .error()
      .with_context("starting the server on " + server.data_directory)
      .with_hint(server.start_command() + "   # shows why" +
                 (server.log_file.empty() ? "" : "; its log is " + server.log_file));
}

}  // namespace spendsync::postgres
