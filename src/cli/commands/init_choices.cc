#include "cli/commands/init_choices.h"

#include <fmt/format.h>

#include <charconv>

#include "base/file.h"

namespace spendsync::cli {
namespace {

constexpr size_t kNameMax = 63;
constexpr size_t kPidFileMax = 4096;

/// A double-quoted YAML scalar.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// A value of a libpq keyword string (libpq-connect, "Keyword/Value Connection Strings").
std::string libpq_value(const std::string& text) {
  if (!text.empty() && text.find_first_of(" '\\") == std::string::npos) return text;
  std::string out = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string render_files(const std::vector<std::string>& paths) {
  std::string list;
  for (const auto& path : paths) list += (list.empty() ? "" : ", ") + quoted(path);
  const std::string own = list.empty() ? "" : "  - { name: postgresql, paths: [" + list + "] }\n";
  return "files:" + std::string(list.empty() ? " []" : "") +
         "   # what a full backup holds beside the database; a path that is missing fails the backup\n" + own +
         "  # - { name: configuration, paths: [/etc/myapp] }\n"
         "  # - { name: api_keys,      paths: [/etc/myapp/keys] }\n"
         "  # - { name: certificates,  paths: [/etc/ssl/myapp] }\n";
}

constexpr const char* kHead = R"(# SpendSync Backup, written by `spendsync-backup init`.
# Every key with its default: docs/operations/configuration.md. After a change: spendsync-backup config validate
version: 1
cluster: {}   # the name in the repository; keep it when PostgreSQL is upgraded

database:
  connection: {}   # passwords: ~/.pgpass or a service file, never here
  data_directory: {}   # asked of the server while it runs; needed here when it does not
  # slot: spendsync_backup_<cluster>   # the replication slot that keeps WAL until it is stored

)";

constexpr const char* kTail = R"(
schedules:                          # five-field cron, times in `timezone`; what `status` calls overdue
  timezone: UTC
  full:             {{ cron: "0 0 * * 0",   retention: 4 weeks }}    # every Sunday at midnight
  incremental:      {{ cron: "0 0 * * 1-6", retention: 7 days }}     # Monday to Saturday at midnight
  transaction_logs: {{ cron: "0 */4 * * *", retention: 48 hours }}

storage:
  primary: {{ type: directory, path: {} }}   # a disk of its own: what dies with the server is no backup

encryption:
  keys:                             # without one of these keys no backup can be opened, by nobody
    - {{ type: key-file, path: {} }}

objectives: {{ rto: 4 hours, rpo: 4 hours }}   # `status` exits with 10 when they would be missed

restore: {{ target_directory: {} }}
state_directory: {}
)";

}  // namespace

std::string cluster_name_from(const std::string& text) {
  std::string name;
  for (char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (upper) {
      name += static_cast<char>(c - 'A' + 'a');
    } else if (plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name = name.substr(0, kNameMax);
  while (!name.empty() && (name.back() == '-' || name.back() == '_')) name.pop_back();
  while (!name.empty() && name.front() == '_') name.erase(0, 1);
  return name.empty() ? "main" : name;
}

std::string connection_string_of(const SocketAddress& address) {
  return fmt::format("host={} port={} user={} dbname=postgres", libpq_value(address.directory), address.port,
                     libpq_value(address.user));
}

Result<SocketAddress> address_of_running_server(const std::string& data_directory) {
  const auto text = TRY(read_text_file(data_directory + "/postmaster.pid", kPidFileMax));
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  SocketAddress address;
  if (lines.size() >= 5) {
    const auto& port = lines[3];
    std::from_chars(port.data(), port.data() + port.size(), address.port);
    address.directory = lines[4].substr(0, lines[4].find(','));
  }
  if (address.directory.empty()) {
    return Error(ErrorKind::corrupt, data_directory + "/postmaster.pid does not say where the server's socket is")
        .with_hint("name it: --connection \"host=... port=... user=... dbname=postgres\"");
  }
  return address;
}

std::string render_configuration(const InitChoices& choices) {
  return fmt::format(fmt::runtime(kHead), choices.name, quoted(choices.connection), quoted(choices.data_directory)) +
         render_files(choices.configuration_paths) +
         fmt::format(fmt::runtime(kTail), quoted(choices.repository), quoted(choices.key_file),
                     quoted(choices.base_directory + "/restore"), quoted(choices.base_directory + "/state"));
}

}  // namespace spendsync::cli
