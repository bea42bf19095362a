#include "integration/real_server.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/process_identity.h"
#include "base/testing.h"
#include "postgres/installation.h"

namespace spendsync::testing {
namespace {

constexpr std::chrono::seconds kTimeout{120};
constexpr const char* kServerUser = "postgres";

/// Waits for the end of its input, then stops every server under its directory and removes it.
constexpr const char* kGuardianScript = R"SH(
read -r _
find "$1" -name postmaster.pid 2>/dev/null | while read -r file; do
  pid=$(head -n 1 "$file")
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = postgres ] && kill -QUIT "$pid"
done
for _ in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && exit; sleep 1; done
)SH";

/// Its own session and no child of ours, so that nothing that ends this program ends it as well.
Fd start_guardian(const std::string& directory) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    dup2(ends[0], STDIN_FILENO);
    int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    if (chdir("/") != 0) _exit(1);
    execl("/bin/sh", "sh", "-c", kGuardianScript, "guardian", directory.c_str(), nullptr);
    _exit(1);
  }
  close(ends[0]);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return Fd(ends[1]);
}

void give_to_server_user(const std::string& path) {
  if (geteuid() != 0) return;
  const passwd* user = getpwnam(kServerUser);
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    ADD_FAILURE() << "cannot give " << path << " to " << kServerUser;
    std::abort();
  }
}

std::string default_bin_directory() {
  const char* chosen = std::getenv("SPENDSYNC_TEST_POSTGRES");
  return chosen == nullptr ? client_directory() : chosen;
}

std::string temporary_parent() {
  const char* parent = std::getenv("TMPDIR");
  return parent == nullptr || *parent == '\0' ? "/tmp" : parent;
}

}  // namespace

std::string client_directory() { return MUST(postgres::find_bin_directory(15, "")); }

bool ran_as_server_user() {
  if (geteuid() != 0) return false;
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  auto filter = fmt::format("--gtest_filter={}.{}", test->test_suite_name(), test->name());
  auto user = MUST(find_user(kServerUser));
  // By descriptor: the user may not be able to reach the directory of this program.
  auto program = MUST(open_file("/proc/self/exe", O_RDONLY));
  pid_t child = fork();
  if (child == 0) {
    bool ready = become_user(user, KeptRights::none).has_value() && chdir("/tmp") == 0;
    const char* const arguments[] = {"integration_test", filter.c_str(), "--gtest_brief=1", nullptr};
    if (ready) fexecve(program.get(), const_cast<char* const*>(arguments), environ);
    _exit(125);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << filter << " failed as " << kServerUser;
  return true;
}

RealServer::RealServer(RealServerSettings settings)
    : settings_(std::move(settings)), directory_(MUST(TemporaryDirectory::create(temporary_parent(), "ssbtest-"))) {
  guardian_ = start_guardian(directory());
  give_to_server_user(directory());
  if (settings_.bin_directory.empty()) settings_.bin_directory = default_bin_directory();
  data_directory_ = directory() + "/data";

  std::vector<std::string> initdb{bin_directory() + "/initdb",
                                  "-D",
                                  data_directory_,
                                  "-U",
                                  "postgres",
                                  "-A",
                                  "trust",
                                  "-E",
                                  "UTF8",
                                  "--locale=C",
                                  "--no-sync",
                                  fmt::format("--wal-segsize={}", settings_.wal_segment_size_mib)};
  if (settings_.data_checksums) {
    initdb.emplace_back("--data-checksums");
  } else if (run({bin_directory() + "/initdb", "--help"}).find("--no-data-checksums") != std::string::npos) {
    initdb.emplace_back("--no-data-checksums");  // 18 has them on by default
  }
  run(std::move(initdb));

  std::map<std::string, std::string> lines{{"listen_addresses", ""},         {"unix_socket_directories", directory()},
                                           {"port", std::to_string(port())}, {"fsync", "off"},
                                           {"shared_buffers", "32MB"},       {"max_wal_size", "256MB"},
                                           {"log_line_prefix", "%m [%p] "},  {"lc_messages", "C"}};
  for (const auto& [name, value] : settings_.configuration) lines[name] = value;
  auto conf = data_directory_ + "/postgresql.conf";
  auto fd = MUST(open_file(conf, O_WRONLY | O_APPEND));
  for (const auto& [name, value] : lines) {
    std::string quoted;
    for (char c : value) quoted += c == '\'' ? std::string("''") : std::string(1, c);
    MUST(write_all(fd, as_bytes(fmt::format("{} = '{}'\n", name, quoted)), conf));
  }
}

RealServer::~RealServer() {
  if (!runs_) return;
  auto stopped =
      run_command(command({bin_directory() + "/pg_ctl", "stop", "-D", data_directory_, "-m", "immediate", "-t", "30"}),
                  {}, kTimeout);
  EXPECT_TRUE(stopped && stopped->exit_status == 0) << "the guardian will stop the server in " << data_directory_;
}

void RealServer::start() {
  auto output = MUST(run_command(command({bin_directory() + "/pg_ctl", "start", "-w", "-t", "60", "-D", data_directory_,
                                          "-l", directory() + "/server.log"}),
                                 {}, kTimeout));
  if (output.exit_status != 0) {
    ADD_FAILURE() << "the test server does not start:\n" << log();
    std::abort();
  }
  runs_ = true;
}

void RealServer::stop(const std::string& mode) {
  run({bin_directory() + "/pg_ctl", "stop", "-w", "-t", "60", "-m", mode, "-D", data_directory_});
  runs_ = false;
}

bool RealServer::clients_match() const {
  const auto version = run({bin_directory() + "/postgres", "--version"});  // "postgres (PostgreSQL) 15.8 (Debian ...)"
  return version.find(") 15.") != std::string::npos;
}

std::string RealServer::psql(const std::string& sql, const std::string& database) const {
  auto text =
      run({"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", connection_string(database), "-c", sql});
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void RealServer::pgbench(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all{"pgbench"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.push_back(connection_string());
  run(std::move(all));
}

Command RealServer::command(std::vector<std::string> arguments) const {
  if (arguments.at(0).front() != '/') arguments[0] = client_directory() + "/" + arguments[0];
  if (geteuid() == 0) arguments.insert(arguments.begin(), {"/usr/sbin/runuser", "-u", kServerUser, "--"});
  Command command;
  command.arguments = std::move(arguments);
  command.working_directory = directory();
  return command;
}

std::string RealServer::run(std::vector<std::string> arguments) const {
  auto what = fmt::format("{}", fmt::join(arguments, " "));
  auto output = MUST(run_command(command(std::move(arguments)), {}, kTimeout));
  if (output.exit_status != 0) {
    ADD_FAILURE() << what << " exited with " << output.exit_status << "\n" << output.out << output.err;
    std::abort();
  }
  return output.out;
}

std::string RealServer::connection_string(const std::string& database) const {
  return fmt::format("host={} port={} user=postgres dbname={}", directory(), port(), database);
}

std::string RealServer::log() const {
  return exists(directory() + "/server.log") ? MUST(read_text_file(directory() + "/server.log", 64u << 20)) : "";
}

std::string RealServer::make_directory(const std::string& name) const {
  auto path = directory() + "/" + name;
  MUST(make_directories(path, 0700));
  give_to_server_user(path);
  return path;
}

}  // namespace spendsync::testing
