#include "jobs/open_config.h"

#include <cstdlib>

#include "base/condition.h"
#include "base/exit_code.h"
#include "config/find.h"

namespace spendsync::jobs {
namespace {

constexpr const char* kScriptDirectoryVariable = "SPENDSYNC_BACKUP_SCRIPT_DIRECTORY";

}  // namespace

Result<std::string> configuration_path(const std::optional<std::string>& asked) {
  const char* directory = std::getenv(kScriptDirectoryVariable);
  const std::string beside = directory == nullptr ? "" : std::string(directory) + "/backup-config.yml";
  auto found = config::find_config(asked, beside);
  if (!found) return std::move(found).error().with_condition(Condition::configuration_missing).with_exit_code(kUsage);
  return found;
}

Result<config::LoadedConfig> load_configuration(const std::optional<std::string>& asked, Log& log) {
  const auto path = TRY(configuration_path(asked));
  auto loaded = config::load(path);
  if (!loaded) return std::move(loaded).error().with_condition(Condition::configuration_wrong).with_exit_code(kUsage);
  for (const auto& warning : loaded->warnings) log.debug(warning.to_string());
  return loaded;
}

}  // namespace spendsync::jobs
