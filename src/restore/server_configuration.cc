#include "restore/server_configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/file.h"
#include "postgres/recovery_settings.h"

namespace spendsync::restore {

namespace {

constexpr int kIncludeDepthMax = 10;  // guc-file.l: CONF_FILE_MAX_DEPTH

/// Would make the copy use, or be taken for, the source.
constexpr std::array<std::string_view, 6> kSourceOnly{"data_directory", "config_file",       "hba_file",
                                                      "ident_file",     "external_pid_file", "stats_temp_directory"};
/// Paths without which the server does not start.
constexpr std::array<std::string_view, 6> kPaths{"ssl_cert_file", "ssl_key_file",       "ssl_ca_file",
                                                 "ssl_crl_file",  "ssl_dh_params_file", "unix_socket_directories"};
/// What a minimal configuration takes from the manifest's settings; the others there are facts.
constexpr std::array<std::string_view, 14> kMinimal{"max_connections",
                                                    "max_worker_processes",
                                                    "max_wal_senders",
                                                    "max_prepared_transactions",
                                                    "max_locks_per_transaction",
                                                    "lc_messages",
                                                    "lc_monetary",
                                                    "lc_numeric",
                                                    "lc_time",
                                                    "TimeZone",
                                                    "log_timezone",
                                                    "DateStyle",
                                                    "wal_level",
                                                    "default_text_search_config"};

struct Line {
  std::string name;   // lower case; empty for comments and blank lines
  std::string value;  // without quotes
};

/// name [=] value (manual, "Parameter Interaction via the Configuration File").
Line parse_line(std::string_view text) {
  Line line;
  auto at = text.find_first_not_of(" \t\r");
  while (at < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '_' || text[at] == '.')) {
    line.name += static_cast<char>(std::tolower(static_cast<unsigned char>(text[at++])));
  }
  at = text.find_first_not_of(" \t=", at);
  if (line.name.empty() || at == std::string_view::npos) return line;
  if (text[at] != '\'') {
    line.value = text.substr(at, text.find_first_of(" \t\r#", at) - at);
    return line;
  }
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\'' && (at + 1 == text.size() || text[at + 1] != '\'')) break;
    if ((text[at] == '\'' || text[at] == '\\') && at + 1 < text.size()) ++at;
    line.value += text[at];
  }
  return line;
}

std::string directory_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

bool is_one_of(std::string_view name, auto&& list) { return std::ranges::find(list, name) != std::ranges::end(list); }

/// Every path of a comma-separated list exists here.
bool exists_here(const std::string& value) {
  std::string_view rest = value;
  while (!rest.empty()) {
    auto comma = rest.find(',');
    std::string item(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    item.erase(0, item.find_first_not_of(" \""));
    item.erase(item.find_last_not_of(" \"") + 1);
    if (item.starts_with('/') && !exists(item)) return false;
  }
  return true;
}

/// Rewrites one captured configuration with all that it includes.
class Adaptation {
 public:
  explicit Adaptation(const CapturedConfiguration& captured) : captured_(captured) {}

  Result<void> add_file(const std::string& path, const std::string& text, int depth) {
    std::string_view rest = text;
    while (!rest.empty()) {
      auto end = rest.find('\n');
      auto raw = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      Line line = parse_line(raw);
      if (line.name == "include" || line.name == "include_if_exists" || line.name == "include_dir") {
        TRY(include(path, line, depth));
      } else if (is_one_of(line.name, kSourceOnly)) {
        leave_out(raw, fmt::format("{} is the source's", line.name));
      } else if (is_one_of(line.name, kPaths) && !exists_here(line.value)) {
        leave_out(raw, fmt::format("{}: {} does not exist here", line.name, line.value));
        no_ssl_ = no_ssl_ || line.name.starts_with("ssl_");
      } else {
        output_.append(raw).append("\n");
      }
    }
    return {};
  }

  std::string take_output() {
    if (no_ssl_) {
      output_ += "ssl = off  # its files do not exist here\n";
      changes_.emplace_back("ssl was switched off");
    }
    return std::move(output_);
  }
  std::vector<std::string> take_changes() { return std::move(changes_); }

 private:
  void leave_out(std::string_view raw, const std::string& why) {
    output_.append("#").append(raw).append("  # left out by the restore\n");
    changes_.push_back("left out: " + why);
  }

  Result<void> include(const std::string& path, const Line& line, int depth) {
    auto target = line.value.starts_with('/') ? line.value : directory_of(path) + "/" + line.value;
    while (target.size() > 1 && target.back() == '/') target.pop_back();
    output_.append(fmt::format("# {} '{}': what follows was put in place by the restore\n", line.name, line.value));
    if (depth >= kIncludeDepthMax) return Error(ErrorKind::corrupt, fmt::format("{} includes files too deeply", path));
    if (line.name != "include_dir") return include_file(target, line.name == "include", depth);
    for (const auto& name : captured_.names(target)) {
      if (name.ends_with(".conf") && name.compare(target.size() + 1, 1, ".") != 0) TRY(include_file(name, true, depth));
    }
    return {};
  }

  Result<void> include_file(const std::string& path, bool needed, int depth) {
    auto text = TRY(captured_.text(path));
    if (text) return add_file(path, *text, depth + 1);
    if (needed) changes_.push_back(fmt::format("left out: {} was not captured", path));
    return {};
  }

  const CapturedConfiguration& captured_;
  std::string output_;
  std::vector<std::string> changes_;
  bool no_ssl_ = false;
};

std::string setting(const std::map<std::string, std::string>& settings, const std::string& name) {
  auto found = settings.find(name);
  return found == settings.end() ? std::string() : found->second;
}

constexpr std::string_view kHeader = "# Written by spendsync-backup restore from ";

}  // namespace

Result<ServerFile> make_postgresql_conf(const std::map<std::string, std::string>& server_settings,
                                        const CapturedConfiguration& captured) {
  ServerFile file{"postgresql.conf", "", "", {}};
  auto path = setting(server_settings, "config_file");
  if (!path.empty()) {
    auto text = TRY(captured.text(path));
    if (text) {
      Adaptation adaptation(captured);
      TRY(adaptation.add_file(path, *text, 0));
      file.origin = "the captured " + path;
      file.content = fmt::format("{}{}\n", kHeader, file.origin) + adaptation.take_output();
      file.changes = adaptation.take_changes();
      return file;
    }
  }
  file.origin = "the backup's settings";
  file.content = fmt::format("{}{}\n", kHeader, file.origin);
  for (const auto& [name, value] : server_settings) {
    if (is_one_of(name, kMinimal) && !value.empty()) file.content += postgres::configuration_line(name, value);
    bool when_on = name == "track_commit_timestamp" || name == "allow_in_place_tablespaces";
    if (when_on && value == "on") file.content += postgres::configuration_line(name, value);
  }
  auto preload = setting(server_settings, "shared_preload_libraries");
  if (!preload.empty()) file.changes.push_back("left out: shared_preload_libraries was " + preload);
  return file;
}

Result<ServerFile> make_pg_hba_conf(const std::map<std::string, std::string>& server_settings,
                                    const CapturedConfiguration& captured) {
  ServerFile file{"pg_hba.conf", "", "", {}};
  auto path = setting(server_settings, "hba_file");
  auto text = path.empty() ? Result<std::optional<std::string>>(std::nullopt) : captured.text(path);
  if (!text) return std::move(text).error();
  if (*text) {
    file.origin = "the captured " + path;
    file.content = fmt::format("{}{}\n", kHeader, file.origin) + **text;
    return file;
  }
  file.origin = "a minimum";
  file.content = fmt::format("{}a minimum: local users under their own names\nlocal all all peer\n", kHeader);
  return file;
}

Result<std::optional<ServerFile>> make_pg_ident_conf(const std::map<std::string, std::string>& server_settings,
                                                     const CapturedConfiguration& captured) {
  std::optional<ServerFile> nothing;
  auto hba = setting(server_settings, "hba_file");
  if (hba.empty()) return nothing;
  auto path = directory_of(hba) + "/pg_ident.conf";
  auto text = TRY(captured.text(path));
  if (!text) return nothing;
  return std::optional(ServerFile{
      "pg_ident.conf", fmt::format("{}the captured {}\n", kHeader, path) + *text, "the captured " + path, {}});
}

}  // namespace spendsync::restore
