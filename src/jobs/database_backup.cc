#include "jobs/database_backup.h"

#include "base/io_priority.h"
#include "jobs/host_name.h"

namespace spendsync::jobs {
namespace {

using backup::DatabaseBackup;

DatabaseBackup::Settings settings_of(const Wiring& wiring, const DatabaseBackupRequest& request) {
  const auto& config = wiring.config();
  DatabaseBackup::Settings settings;
  settings.type = request.type;
  settings.connection = wiring.connection();
  settings.cluster = config.cluster;
  settings.state_directory = wiring.state_directory();
  settings.slot = config.database.slot;
  for (const auto& set : config.files) settings.file_sets.push_back({set.name, set.paths});
  for (const auto& [path, why] : wiring.own_files()) settings.left_out.push_back({path, why});
  settings.skip_unreadable = request.skip_unreadable;
  settings.resume = request.resume;
  settings.workers = wiring.workers(request.workers);
  settings.compression = wiring.compression();
  settings.changes_from_wal = wiring.makes_change_maps();
  settings.host = host_name();
  settings.tool_version = SSB_VERSION;
  return settings;
}

}  // namespace

Result<backup::DatabaseBackupReport> back_up_database(Wiring& wiring, const DatabaseBackupRequest& request,
                                                      Progress& progress) {
  wiring.limit_rates({.upload = wiring.upload_limit(request.throttle)});
  lower_io_priority(wiring.context().log);
  DatabaseBackup backup(settings_of(wiring, request), {wiring.collaborators(), progress});
  return backup.run(wiring.context().stop);
}

}  // namespace spendsync::jobs
