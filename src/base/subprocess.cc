#include "base/subprocess.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/file.h"
#include "base/stop_event.h"

extern char** environ;

namespace spendsync {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kMaxCapturedBytes = 8 << 20;  // of each stream; who expects more gives an output_file
constexpr std::chrono::seconds kTerminationGrace(3);

// ---- starting

std::map<std::string, std::string> child_environment(const Command& command) {
  std::map<std::string, std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; entry++) {
    std::string_view text = *entry;
    auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    std::string_view name = text.substr(0, equals);
    if (name == "PATH" || name == "HOME" || name == "LANG" || name == "TZ" || name.starts_with("LC_")) {
      result[std::string(name)] = text.substr(equals + 1);
    }
  }
  for (const auto& [name, value] : command.environment) result[name] = value;
  return result;
}

/// As execvp(3) does, but in the child's PATH.
Result<std::string> find_program(const std::string& program, const std::map<std::string, std::string>& environment) {
  if (program.find('/') != std::string::npos) return program;
  auto path = environment.find("PATH");
  std::string_view rest =
      path == environment.end() ? std::string_view("/usr/bin:/bin") : std::string_view(path->second);
  while (!rest.empty()) {
    auto colon = std::min(rest.find(':'), rest.size());
    std::string candidate = fmt::format("{}/{}", rest.substr(0, colon), program);
    if (colon > 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return Error(ErrorKind::not_found, fmt::format("program {} is not in PATH", program));
}

struct SpawnOptions {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnOptions() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    // A group of its own, so that it can be ended with all that it started; no signal blocked or ignored, because both
    // are inherited through exec and programs do not expect that.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;
  ~SpawnOptions() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

struct OutputTargets {
  int out = -1;
  int err = -1;
};

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (auto& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> spawn(const Command& command, OutputTargets targets) {
  CHECK(!command.arguments.empty());
  auto environment = child_environment(command);
  std::string program = TRY(find_program(command.arguments[0], environment));
  if (!command.working_directory.empty()) {
    TRY_CONTEXT(open_file(command.working_directory, O_PATH | O_DIRECTORY), "starting " + program);
  }

  SpawnOptions options;
  posix_spawn_file_actions_addopen(&options.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&options.actions, targets.out, 1);
  posix_spawn_file_actions_adddup2(&options.actions, targets.err, 2);
  posix_spawn_file_actions_addclosefrom_np(&options.actions, 3);
  if (!command.working_directory.empty()) {
    posix_spawn_file_actions_addchdir_np(&options.actions, command.working_directory.c_str());
  }

  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> variables;
  variables.reserve(environment.size());
  for (const auto& [name, value] : environment) variables.push_back(fmt::format("{}={}", name, value));
  pid_t pid = -1;
  int error_number = posix_spawn(&pid, program.c_str(), &options.actions, &options.attributes,
                                 pointers_to(arguments).data(), pointers_to(variables).data());
  if (error_number != 0) return Error::from_errno(error_number, "cannot run " + program);
  return pid;
}

Result<Fd> open_output_file(const std::string& path) {
  return open_file(path.empty() ? "/dev/null" : path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
}

// ---- waiting and ending

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return shell_status(status);
}

/// Readable when the process has ended; works without racing a reused id because only we reap our child.
Result<Fd> open_process(pid_t pid) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) {
    int error_number = errno;
    return Error::from_errno(error_number, fmt::format("cannot watch process {}", pid));
  }
  return Fd(fd);
}

int poll_timeout(SteadyTime deadline) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));  // callers loop; an hour fits every int
}

/// SIGTERM, a moment to clean up, then SIGKILL to whoever is left of the group. The leader stays a zombie until the
/// end, so its group id cannot pass to strangers meanwhile.
void end_group(pid_t pid, const Fd& process) {
  ::kill(-pid, SIGTERM);
  SteadyTime deadline = std::chrono::steady_clock::now() + kTerminationGrace;
  pollfd ended{process.get(), POLLIN, 0};
  while (poll(&ended, 1, poll_timeout(deadline)) < 0 && errno == EINTR) {
  }
  ::kill(-pid, SIGKILL);
  reap(pid);
}

// ---- capturing

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    int error_number = errno;
    return Error::from_errno(error_number, "cannot make a pipe");
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// Takes what the pipe holds now. Closes `pipe` at its end.
Result<void> drain(Fd& pipe, std::string& into, const std::string& program) {
  std::array<char, 16384> buffer;
  while (pipe) {
    ssize_t count = ::read(pipe.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {};  // EAGAIN: empty for now
    if (count == 0) {
      pipe = Fd();
      return {};
    }
    into.append(buffer.data(), static_cast<size_t>(count));
    if (into.size() > kMaxCapturedBytes) {
      return Error(ErrorKind::exhausted, fmt::format("{} wrote more than {} bytes", program, kMaxCapturedBytes));
    }
  }
  return {};
}

struct Capture {
  const std::string& program;
  Fd out;
  Fd err;
  CommandOutput output;

  Result<void> take() {
    TRY(drain(out, output.out, program));
    return drain(err, output.err, program);
  }
};

/// Until the program itself has ended: a daemon that it left behind may hold the pipes open for ever.
Result<void> follow(Capture& capture, const Fd& process, std::stop_token stop, std::chrono::seconds timeout) {
  StopEvent stop_event(stop);
  SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::array<pollfd, 4> watched{pollfd{process.get(), POLLIN, 0}, pollfd{stop_event.fd(), POLLIN, 0},
                                  pollfd{capture.out.get(), POLLIN, 0}, pollfd{capture.err.get(), POLLIN, 0}};
    int ready = poll(watched.data(), watched.size(), poll_timeout(deadline));
    if (ready < 0 && errno != EINTR) {
      int error_number = errno;
      return Error::from_errno(error_number, "cannot wait for " + capture.program);
    }
    TRY(capture.take());
    if (watched[0].revents != 0) return capture.take();
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, capture.program + " was stopped");
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error(ErrorKind::transient, fmt::format("{} took longer than {} s", capture.program, timeout.count()));
    }
  }
}

std::string last_lines(std::string_view text) {
  constexpr size_t kMost = 600;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.size() > kMost) {
    text.remove_prefix(text.size() - kMost);
    auto line = text.find('\n');
    if (line != std::string_view::npos) text.remove_prefix(line + 1);
  }
  std::string joined(text);
  std::ranges::replace(joined, '\n', ' ');
  return joined;
}

}  // namespace

Result<CommandOutput> run_command(const Command& command, std::stop_token stop, std::chrono::seconds timeout) {
  if (stop.stop_requested()) return Error(ErrorKind::cancelled, command.arguments[0] + " was not started: stopped");
  Capture capture{command.arguments[0], Fd(), Fd(), {}};
  pid_t pid = -1;
  if (command.output_file.empty()) {
    Pipe out;
    if (command.output_descriptor < 0) out = TRY(make_pipe());
    Pipe err = TRY(make_pipe());
    const int target = command.output_descriptor < 0 ? out.write_end.get() : command.output_descriptor;
    pid = TRY(spawn(command, {target, err.write_end.get()}));
    capture.out = std::move(out.read_end);
    capture.err = std::move(err.read_end);
  } else {
    Fd file = TRY(open_output_file(command.output_file));
    pid = TRY(spawn(command, {file.get(), file.get()}));
  }
  auto process = open_process(pid);
  if (!process) {
    ::kill(-pid, SIGKILL);
    reap(pid);
    return std::move(process).error();
  }
  auto followed = follow(capture, *process, stop, timeout);
  if (!followed) {
    end_group(pid, *process);
    return std::move(followed).error();
  }
  capture.output.exit_status = reap(pid);
  return std::move(capture.output);
}

Result<std::string> run_checked(const Command& command, std::stop_token stop, std::chrono::seconds timeout) {
  auto output = TRY(run_command(command, std::move(stop), timeout));
  if (output.exit_status == 0) return std::move(output.out);
  std::string said = last_lines(output.err.empty() ? output.out : output.err);
  if (said.empty() && !command.output_file.empty()) said = "see " + command.output_file;
  return Error(ErrorKind::internal, fmt::format("{} failed with status {}{}{}", command.arguments[0],
                                                output.exit_status, said.empty() ? "" : ": ", said));
}

Result<ChildProcess> ChildProcess::start(const Command& command) {
  Fd output = TRY(open_output_file(command.output_file));
  pid_t pid = TRY(spawn(command, {output.get(), output.get()}));
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(std::exchange(other.status_, std::nullopt)) {}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  if (status_) return;  // reaped: its group id may belong to others by now
  ::kill(-pid_, SIGKILL);
  reap(pid_);
}

std::optional<int> ChildProcess::poll() {
  if (status_ || pid_ <= 0) return status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = shell_status(status);
  return status_;
}

Result<int> ChildProcess::wait(std::stop_token stop, std::chrono::milliseconds timeout) {
  if (auto status = poll()) return *status;
  Fd process = TRY(open_process(pid_));
  StopEvent stop_event(stop);
  SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::array<pollfd, 2> watched{pollfd{process.get(), POLLIN, 0}, pollfd{stop_event.fd(), POLLIN, 0}};
    ::poll(watched.data(), watched.size(), poll_timeout(deadline));
    if (auto status = poll()) return *status;
    if (stop.stop_requested())
      return Error(ErrorKind::cancelled, fmt::format("stopped while waiting for process {}", pid_));
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error(ErrorKind::transient, fmt::format("process {} still runs after {} ms", pid_, timeout.count()));
    }
  }
}

void ChildProcess::kill(int signal) {
  if (pid_ > 0 && !status_) ::kill(-pid_, signal);
}

void ChildProcess::release() { pid_ = -1; }

}  // namespace spendsync
