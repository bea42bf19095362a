#include "postgres/recovery_settings.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

#include "base/file.h"

namespace spendsync::postgres {
namespace {

/// What tells a server to recover or to follow another one, in any version from 13 on. recovery_prefetch and
/// recovery_init_sync_method only say how fast.
constexpr std::array<std::string_view, 16> kRecoveryNames{
    "restore_command",           "archive_cleanup_command",  "recovery_end_command",   "recovery_target",
    "recovery_target_name",      "recovery_target_time",     "recovery_target_xid",    "recovery_target_lsn",
    "recovery_target_inclusive", "recovery_target_timeline", "recovery_target_action", "recovery_min_apply_delay",
    "primary_conninfo",          "primary_slot_name",        "promote_trigger_file",   "standby_mode"};

/// The server's TimeZone does not matter where the offset is written out (R9).
std::string target_time(Timestamp time) {
  auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06}+00", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

/// The setting's name on a line of a configuration file, in lower case; empty on comments and blank lines.
std::string name_on(std::string_view line) {
  std::string name;
  auto begin = line.find_first_not_of(" \t\r\f\v");
  for (size_t i = begin; i < line.size(); ++i) {
    auto c = static_cast<unsigned char>(line[i]);
    if (std::isalnum(c) == 0 && c != '_' && c != '.' && c != '$' && c < 0x80) break;
    name += static_cast<char>(std::tolower(c));
  }
  return name;
}

bool is_dropped(std::string_view line, const std::vector<std::pair<std::string, std::string>>& add) {
  auto name = name_on(line);
  if (std::find(kRecoveryNames.begin(), kRecoveryNames.end(), name) != kRecoveryNames.end()) return true;
  return std::any_of(add.begin(), add.end(), [&](const auto& setting) { return setting.first == name; });
}

/// The lines of `text` that stay, each as it is.
std::string kept_lines(std::string_view text, const std::vector<std::pair<std::string, std::string>>& add) {
  std::string kept;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(line.size());
    if (!is_dropped(line, add)) kept += line;
  }
  return kept;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> recovery_settings(const RecoveryTarget& target,
                                                                   const std::string& restore_command) {
  std::vector<std::pair<std::string, std::string>> settings{{"restore_command", restore_command}};
  bool inclusive_matters = false;
  switch (target.kind) {
    case RecoveryTarget::Kind::end_of_wal:
      break;
    case RecoveryTarget::Kind::immediate:
      settings.emplace_back("recovery_target", "immediate");
      break;
    case RecoveryTarget::Kind::name:
      settings.emplace_back("recovery_target_name", target.name);
      break;
    case RecoveryTarget::Kind::time:
      settings.emplace_back("recovery_target_time", target_time(target.time));
      inclusive_matters = true;
      break;
    case RecoveryTarget::Kind::lsn:
      settings.emplace_back("recovery_target_lsn", target.lsn.to_string());
      inclusive_matters = true;
      break;
    case RecoveryTarget::Kind::transaction:
      settings.emplace_back("recovery_target_xid", target.transaction);
      inclusive_matters = true;
      break;
  }
  if (inclusive_matters) settings.emplace_back("recovery_target_inclusive", target.inclusive ? "on" : "off");
  if (target.kind != RecoveryTarget::Kind::end_of_wal) settings.emplace_back("recovery_target_action", "promote");
  settings.emplace_back("recovery_target_timeline", std::to_string(target.timeline.value));
  return settings;
}

std::string configuration_line(const std::string& name, const std::string& value) {
  std::string line = name + " = '";
  for (char c : value) {
    if (c == '\'' || c == '\\') {
      line += c;
      line += c;
    } else if (c == '\n') {
      line += "\\n";  // a value may not go over the end of its line
    } else {
      line += c;
    }
  }
  return line + "'\n";
}

Result<void> rewrite_auto_conf(const std::string& data_directory,
                               const std::vector<std::pair<std::string, std::string>>& add) {
  auto path = data_directory + "/postgresql.auto.conf";
  std::string text;
  mode_t mode = 0600;
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    mode = status.st_mode & 0777;
    text = TRY(read_text_file(path));
  }
  auto kept = kept_lines(text, add);
  if (!kept.empty() && kept.back() != '\n' && !add.empty()) kept += '\n';
  for (const auto& [name, value] : add) kept += configuration_line(name, value);
  return replace_file(path, as_bytes(kept), mode);
}

}  // namespace spendsync::postgres
