#include "postgres/server_process.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/condition.h"
#include "base/file.h"
#include "postgres/libpq.h"
#include "postgres/postmaster_pid.h"
#include "postgres/recovery_progress.h"

namespace spendsync::postgres {

struct ServerProcess::State {
  Settings settings;
  ChildProcess child;
  uint64_t log_begin = 0;  // what the log held before this start
};

namespace {

constexpr std::chrono::milliseconds kPollInterval{200};

Result<void> refuse_root() {
  if (geteuid() != 0) return {};
  return Error(ErrorKind::refused, "PostgreSQL does not run as root")
      .with_hint("run as the owner of the data directory, for example with `runuser -u postgres --`");
}

std::string socket_path(const ServerProcess::Settings& settings) {
  return fmt::format("{}/.s.PGSQL.{}", settings.socket_directory, settings.port);
}

Result<void> prepare_socket_directory(const ServerProcess::Settings& settings) {
  auto path = socket_path(settings);
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(ErrorKind::refused, fmt::format("the path of the socket, {}, is longer than {} bytes", path,
                                                 sizeof(sockaddr_un::sun_path) - 1))
        .with_hint("use a directory with a shorter name");
  }
  return make_directories(settings.socket_directory, 0700);
}

/// What must hold whatever the restored configuration says; the caller's settings come on top.
std::map<std::string, std::string> effective_settings(const ServerProcess::Settings& settings, int major) {
  std::map<std::string, std::string> effective{
      {"data_directory", settings.data_directory},  // Debian's file names the production directory
      {"external_pid_file", ""},
      {"listen_addresses", ""},
      {"unix_socket_directories", settings.socket_directory},
      {"unix_socket_permissions", "0700"},
      {"unix_socket_group", ""},
      {"port", std::to_string(settings.port)},
      {"ssl", "off"},  // its certificates may lie elsewhere
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      {"log_min_messages", "warning"},
      {"log_line_prefix", "%m [%p] "},
      {"lc_messages", "C"},
  };
  constexpr int kStatisticsFilesUntil = 14;
  if (major <= kStatisticsFilesUntil) effective["stats_temp_directory"] = "pg_stat_tmp";
  for (const auto& [name, value] : settings.settings) effective[name] = value;
  return effective;
}

Result<int> read_major(const std::string& data_directory) {
  auto text = TRY(read_text_file(data_directory + "/PG_VERSION", 64));
  return std::atoi(text.c_str());
}

Command server_command(const ServerProcess::Settings& settings, int major) {
  Command command;
  command.arguments = {settings.bin_directory + "/postgres", "-D", settings.data_directory};
  for (const auto& [name, value] : effective_settings(settings, major)) {
    command.arguments.emplace_back("-c");
    command.arguments.push_back(name + "=" + value);
  }
  command.environment["LC_ALL"] = "C";  // messages from before the configuration is read
  command.output_file = settings.log_file;
  return command;
}

uint64_t size_of(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

/// A keyword's value for a libpq connection string.
std::string quoted(const std::string& value) {
  std::string text = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

}  // namespace

ServerProcess::ServerProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}
ServerProcess::ServerProcess(ServerProcess&&) noexcept = default;

ServerProcess::~ServerProcess() {
  if (!state_ || state_->child.pid() <= 0 || state_->child.poll()) return;
  // The child's destructor ends what this does not.
  [[maybe_unused]] auto stopped = stop(StopMode::immediate, std::chrono::seconds(10));
}

Result<ServerProcess> ServerProcess::start(Settings settings) {
  TRY(refuse_root());
  auto running = TRY(is_running(settings.data_directory));
  if (running) {
    return Error(ErrorKind::conflict, fmt::format("a server runs on {} already", settings.data_directory))
        .with_condition(Condition::server_running);
  }
  TRY(prepare_socket_directory(settings));
  auto major = TRY(read_major(settings.data_directory));
  auto log_begin = size_of(settings.log_file);
  auto child = TRY_CONTEXT(ChildProcess::start(server_command(settings, major)), "starting PostgreSQL");
  return ServerProcess(std::make_unique<State>(State{std::move(settings), std::move(child), log_begin}));
}

Result<std::string> ServerProcess::log() const {
  constexpr uint64_t kLargest = 1u << 20;
  auto fd = TRY(open_file(state_->settings.log_file, O_RDONLY));
  auto size = size_of(state_->settings.log_file);
  auto begin = std::max(state_->log_begin, size > kLargest ? size - kLargest : 0);
  std::string text(size > begin ? size - begin : 0, '\0');
  auto bytes =
      TRY(read_at(fd, begin, std::as_writable_bytes(std::span(text.data(), text.size())), state_->settings.log_file));
  text.resize(bytes);
  return text;
}

namespace {

Error explain_end(int exit_status, const Result<std::string>& log, const std::string& log_file) {
  auto reasons = log ? last_fatal_messages(*log) : std::string();
  if (reasons.empty()) reasons = "its log names no reason";
  return Error(ErrorKind::internal, fmt::format("PostgreSQL ended with status {}: {}", exit_status, reasons))
      .with_hint("its log is " + log_file);
}

/// PQping tells a server that is starting from one that answers, whatever it thinks of the login.
bool accepts_connections(const std::string& connection_string) {
  return PQping((connection_string + " connect_timeout=2").c_str()) == PQPING_OK;
}

}  // namespace

Result<void> ServerProcess::wait_until_ready(std::chrono::seconds timeout, std::stop_token stop,
                                             const std::function<void()>& on_wait) {
  TRY(load_libpq());
  SystemClock clock;
  auto deadline = clock.monotonic() + timeout;
  while (true) {
    if (auto status = poll()) return explain_end(*status, log(), state_->settings.log_file);
    auto file = read_postmaster_pid(state_->settings.data_directory);
    bool ready = file && file->pid == pid() && (file->status == "ready" || file->status == "standby");
    if (ready && accepts_connections(connection_string())) return {};
    if (clock.monotonic() >= deadline) {
      return Error(ErrorKind::transient,
                   fmt::format("PostgreSQL does not accept connections after {} s", timeout.count()))
          .with_hint("its log is " + state_->settings.log_file);
    }
    if (on_wait) on_wait();
    TRY(clock.sleep_for(kPollInterval, stop));
  }
}

std::optional<int> ServerProcess::poll() { return state_->child.poll(); }

Result<void> ServerProcess::stop(StopMode mode, std::chrono::seconds timeout) {
  if (poll()) return {};
  int signal = mode == StopMode::smart ? SIGTERM : mode == StopMode::fast ? SIGINT : SIGQUIT;
  // To the postmaster alone: it is our child and not reaped, so the number is still its own.
  kill(pid(), signal);
  auto ended = state_->child.wait({}, timeout);
  if (ended) return {};
  return std::move(ended).error().with_context("stopping PostgreSQL");
}

std::string ServerProcess::connection_string(const std::string& database, const std::string& user) const {
  auto text = fmt::format("host={} port={} dbname={}", quoted(state_->settings.socket_directory), state_->settings.port,
                          quoted(database));
  if (!user.empty()) text += " user=" + quoted(user);
  return text;
}

void ServerProcess::release() { state_->child.release(); }

pid_t ServerProcess::pid() const { return state_->child.pid(); }

Result<void> create_cluster(const NewClusterSettings& settings, std::stop_token stop) {
  constexpr std::chrono::seconds kTimeout{300};
  TRY(refuse_root());
  Command command;
  command.arguments = {settings.bin_directory + "/initdb",
                       "-D",
                       settings.data_directory,
                       "-U",
                       settings.superuser,
                       "--auth-local=peer",
                       "--auth-host=reject",
                       "-E",
                       "UTF8",
                       "--locale=C",
                       fmt::format("--wal-segsize={}", settings.wal_segment_size_mib)};
  if (settings.data_checksums) {
    command.arguments.emplace_back("--data-checksums");
  } else {
    Command help;
    help.arguments = {settings.bin_directory + "/initdb", "--help"};
    auto text = TRY(run_checked(help, stop, kTimeout));
    bool on_by_default = text.find("--no-data-checksums") != std::string::npos;  // 18
    if (on_by_default) command.arguments.emplace_back("--no-data-checksums");
  }
  TRY_CONTEXT(run_checked(command, stop, kTimeout), "creating the cluster " + settings.data_directory);
  return {};
}

}  // namespace spendsync::postgres
