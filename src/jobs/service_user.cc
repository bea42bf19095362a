#include "jobs/service_user.h"

#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"

namespace spendsync::jobs {
namespace {

/// host and port of a libpq keyword string, as far as they name a Unix socket. Quoted values and URIs give nothing:
/// the next rule then decides.
std::string socket_path(const std::string& connection) {
  auto value_of = [&](const std::string& keyword) -> std::string {
    auto position = connection.find(keyword + "=");
    if (position == std::string::npos || (position > 0 && connection[position - 1] != ' ')) return {};
    auto begin = position + keyword.size() + 1;
    return connection.substr(begin, connection.find(' ', begin) - begin);
  };
  const std::string host = value_of("host");
  const std::string port = value_of("port");
  if (host.empty() || host.front() != '/') return {};
  return host + "/.s.PGSQL." + (port.empty() ? "5432" : port);
}

Result<void> make_owned_directory(const std::string& path, const UserIdentity& user) {
  std::vector<std::string> missing;
  for (std::string at = path; !exists(at) && at.size() > 1; at = at.substr(0, std::max<size_t>(1, at.rfind('/')))) {
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (::mkdir(at->c_str(), 0700) != 0 && errno != EEXIST) {
      return Error::from_errno(errno, "making the directory " + *at);
    }
    if (::lchown(at->c_str(), user.uid, user.gid) != 0) {
      return Error::from_errno(errno, "giving the directory " + *at + " to " + user.name);
    }
  }
  return {};
}

Fd& program_file() {
  static Fd file;  // set once in main, before threads
  return file;
}

}  // namespace

Result<UserIdentity> find_service_user(const config::Config& config) {
  struct stat status {};
  if (config.database.data_directory && ::stat(config.database.data_directory->c_str(), &status) == 0) {
    return find_user(status.st_uid);
  }
  const std::string socket = socket_path(config.database.connection);
  if (!socket.empty() && ::stat(socket.c_str(), &status) == 0) return find_user(status.st_uid);
  auto postgres = find_user("postgres");
  if (postgres) return postgres;
  return Error(ErrorKind::refused, "started as root, but it cannot be told who owns the database cluster")
      .with_hint("set database.data_directory in the configuration, or run the command as that user");
}

Result<void> become_service_user(const config::Config& config, const std::vector<std::string>& directories,
                                 KeptRights kept) {
  if (!running_as_root()) return {};
  auto user = TRY(find_service_user(config));
  if (user.uid == 0) {
    return Error(ErrorKind::refused, "the data directory belongs to root, and PostgreSQL does not run as root")
        .with_hint("database.data_directory should belong to the user that the server runs as");
  }
  for (const auto& directory : directories) TRY(make_owned_directory(directory, user));
  return become_user(user, kept);
}

void remember_program() {
  auto file = open_file("/proc/self/exe", O_RDONLY);
  if (file) program_file() = std::move(*file);
}

Result<std::string> reachable_program(const std::string& directory) {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  // After a change of user the link cannot be read any more; the copy then serves.
  if (length > 0 && ::access(std::string(path, static_cast<size_t>(length)).c_str(), X_OK) == 0) {
    return std::string(path, static_cast<size_t>(length));
  }
  const std::string copy = directory + "/spendsync-backup";
  if (!program_file()) return Error(ErrorKind::internal, "the program's own file cannot be opened");
  auto out = TRY(open_file(copy, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0700));
  struct stat status {};
  if (::fstat(program_file().get(), &status) != 0) return Error::from_errno(errno, "reading the program's own file");
  off_t offset = 0;
  while (offset < status.st_size) {
    const ssize_t sent =
        ::sendfile(out.get(), program_file().get(), &offset, static_cast<size_t>(status.st_size - offset));
    if (sent < 0 && errno != EINTR) return Error::from_errno(errno, "copying the program to " + copy);
    if (sent == 0) break;
  }
  TRY(out.close());
  return copy;
}

}  // namespace spendsync::jobs
