#include "config/find.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace spendsync::config {
namespace {

constexpr int kConfigurationExitCode = 2;

/// Anything but "there is no such file" counts as found: whoever opens it tells what is wrong with it.
bool is_there(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

Result<std::string> asked_for(const std::string& path, std::string_view by) {
  if (path.empty()) {
    return Error(ErrorKind::invalid, fmt::format("{} names no configuration file", by))
        .with_exit_code(kConfigurationExitCode);
  }
  if (is_there(path)) return path;
  return Error(ErrorKind::invalid, fmt::format("{} names {}, which does not exist", by, path))
      .with_exit_code(kConfigurationExitCode);
}

}  // namespace

Result<std::string> find_config(const ConfigPlaces& places) {
  if (places.flag) return asked_for(*places.flag, "--config");
  if (places.environment) return asked_for(*places.environment, fmt::format("${}", kConfigVariable));
  std::string looked = fmt::format("--config (not given), ${} (not set)", kConfigVariable);
  for (const std::string& path : {places.installed, places.beside_script}) {
    if (path.empty()) continue;
    if (is_there(path)) return path;
    looked += fmt::format(", {}", path);
  }
  return Error(ErrorKind::invalid, fmt::format("no configuration file found; looked at {}", looked))
      .with_hint(
          "name one with --config; `spendsync-backup config schema` and the sample backup-config.yml show its form")
      .with_exit_code(kConfigurationExitCode);
}

Result<std::string> find_config(std::optional<std::string> flag, std::string beside_script) {
  ConfigPlaces places;
  places.flag = std::move(flag);
  if (const char* variable = std::getenv(kConfigVariable)) places.environment = variable;
  places.beside_script = std::move(beside_script);
  return find_config(places);
}

}  // namespace spendsync::config
