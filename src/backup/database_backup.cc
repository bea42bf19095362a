#include "backup/database_backup_steps.h"
#include "base/time.h"

namespace spendsync::backup {

void DatabaseBackup::Steps::warn(std::string text) {
  log().warning(text);
  report_.warnings.push_back(std::move(text));
}

void DatabaseBackup::Steps::notice(std::string text) {
  log().info(text);
  report_.notices.push_back(std::move(text));
}

DatabaseBackup::DatabaseBackup(Settings settings, Collaborators collaborators)
    : settings_(std::move(settings)), collaborators_(std::move(collaborators)) {}
DatabaseBackup::~DatabaseBackup() = default;

Result<DatabaseBackupReport> DatabaseBackup::run(std::stop_token stop) {
  Steps steps(settings_, collaborators_, std::move(stop));
  return steps.run();
}

}  // namespace spendsync::backup
