#include "postgres/postmaster_pid.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/shm.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <vector>

#include "base/file.h"
#include "postgres/server_process.h"

namespace spendsync::postgres {
namespace {

// Lines of the file, counted from 0 (utils/pidfile.h).
constexpr size_t kPidLine = 0;
constexpr size_t kSharedMemoryLine = 6;
constexpr size_t kStatusLine = 7;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// Takes a number and the blanks before it off the front.
std::optional<long> take_number(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  long value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

enum class Evidence { server, other, gone, unknown };

/// A postmaster and a standalone backend make the data directory their working directory and never leave it.
Evidence inspect_process(pid_t pid, const std::string& data_directory) {
  if (kill(pid, 0) != 0 && errno == ESRCH) return Evidence::gone;
  struct stat ours {};
  if (stat(data_directory.c_str(), &ours) != 0) return Evidence::unknown;
  struct stat theirs {};
  if (stat(fmt::format("/proc/{}/cwd", pid).c_str(), &theirs) != 0) {
    return errno == ENOENT ? Evidence::gone : Evidence::unknown;
  }
  if (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino) return Evidence::other;
  auto name = read_text_file(fmt::format("/proc/{}/comm", pid), 64);
  if (!name) return Evidence::unknown;
  return name->starts_with("postgres") || name->starts_with("postmaster") ? Evidence::server : Evidence::other;
}

/// For a process of another user: a program by another name, or one that began well after the file was written and so
/// cannot have written it, is not its server.
Evidence inspect_foreign_process(pid_t pid, const std::string& data_directory) {
  auto name = read_text_file(fmt::format("/proc/{}/comm", pid), 64);
  if (!name) return Evidence::unknown;
  if (!name->starts_with("postgres") && !name->starts_with("postmaster")) return Evidence::other;
  struct stat process {};
  struct stat file {};
  if (stat(fmt::format("/proc/{}", pid).c_str(), &process) != 0) return Evidence::gone;
  if (stat((data_directory + "/postmaster.pid").c_str(), &file) != 0) return Evidence::gone;
  constexpr time_t kSlack_s = 10;
  return process.st_ctim.tv_sec > file.st_mtim.tv_sec + kSlack_s ? Evidence::other : Evidence::unknown;
}

/// Backends that outlive their postmaster keep its shared memory attached; starting another server would destroy data.
bool shared_memory_is_attached(const PostmasterPid& file) {
  if (file.shared_memory_id < 0) return false;
  shmid_ds segment{};
  if (shmctl(static_cast<int>(file.shared_memory_id), IPC_STAT, &segment) != 0) return false;
  return segment.shm_perm.__key == static_cast<key_t>(file.shared_memory_key) && segment.shm_nattch > 0;
}

}  // namespace

Result<PostmasterPid> parse_postmaster_pid(std::string_view text) {
  auto lines = lines_of(text);
  PostmasterPid parsed;
  auto first = lines.empty() ? std::string_view() : lines[kPidLine];
  auto pid = take_number(first);
  constexpr long kPidMax = std::numeric_limits<pid_t>::max();
  if (!pid || *pid == 0 || *pid > kPidMax || *pid < -kPidMax || !first.empty()) {
    return Error(ErrorKind::corrupt, "postmaster.pid does not begin with a process id");
  }
  parsed.pid = static_cast<pid_t>(std::labs(*pid));  // negative: a backend without a postmaster
  if (lines.size() > kSharedMemoryLine) {
    auto line = lines[kSharedMemoryLine];
    auto key = take_number(line);
    auto id = take_number(line);
    if (key && id) {
      parsed.shared_memory_key = *key;
      parsed.shared_memory_id = *id;
    }
  }
  if (lines.size() > kStatusLine) parsed.status = std::string(trimmed(lines[kStatusLine]));
  return parsed;
}

Result<PostmasterPid> read_postmaster_pid(const std::string& data_directory) {
  auto text = TRY(read_text_file(data_directory + "/postmaster.pid", 8192));
  return parse_postmaster_pid(text);
}

Result<bool> is_running(const std::string& data_directory) {
  auto file = read_postmaster_pid(data_directory);
  if (!file && file.error().is(ErrorKind::not_found)) return false;
  if (!file && !file.error().is(ErrorKind::corrupt)) return std::move(file).error();
  if (!file) {
    return Error(ErrorKind::refused,
                 fmt::format("cannot tell whether a server runs on {}: {}", data_directory, file.error().message()))
        .with_hint("if no server is starting there, remove its postmaster.pid");
  }
  if (shared_memory_is_attached(*file)) return true;
  auto evidence = inspect_process(file->pid, data_directory);
  if (evidence == Evidence::unknown) evidence = inspect_foreign_process(file->pid, data_directory);
  if (evidence != Evidence::unknown) return evidence == Evidence::server;
  return Error(ErrorKind::refused,
               fmt::format("cannot tell whether process {}, named in {}/postmaster.pid, is its server", file->pid,
                           data_directory))
      .with_hint("run as the owner of the data directory");
}

}  // namespace spendsync::postgres
