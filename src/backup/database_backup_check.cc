#include <fmt/format.h>

#include <cerrno>

#include "backup/database_backup_steps.h"
#include "base/time.h"

namespace spendsync::backup {

Result<void> DatabaseBackup::Steps::check_server_and_files() {
  progress().begin_phase("checking", 0);
  control_ = TRY(postgres::Connection::open(settings_.connection));
  server_ = TRY(check_server(*control_, stop_));
  for (const auto& warning : server_->warnings) warn(warning);
  TRY(check_captured_files());
  warn_of_configuration_outside();
  data_directory_ = TRY(open_file(server_->info.data_directory, O_PATH | O_DIRECTORY));
  if (fstat(data_directory_.get(), &data_directory_status_) != 0) {
    return Error::from_errno(errno, "cannot look at " + server_->info.data_directory);
  }
  TRY(count_data_directory());
  skipped_at_check_ = skipped_;
  return {};
}

Result<void> DatabaseBackup::Steps::check_captured_files() {
  captured_ = TRY(CapturedFiles::open({settings_.file_sets, settings_.left_out}));
  auto check = TRY(check_captured(*captured_, stop_));
  for (const auto& line : check.skipped.lines()) notice("not captured: " + line);
  skipped_ = check.skipped;
  expected_bytes_ += check.bytes;
  expected_files_ += check.files;
  if (settings_.skip_unreadable) return {};
  return expect_readable(check);
}

Result<void> DatabaseBackup::Steps::count_data_directory() {
  postgres::DataDirectory::Visitor visitor{[&](const postgres::DirectoryEntry& entry) -> Result<void> {
                                             if (stop_.stop_requested())
                                               return Error(ErrorKind::cancelled,
                                                            "stopped while listing the data directory");
                                             if (entry.kind != postgres::EntryKind::file) return {};
                                             ++expected_files_;
                                             expected_bytes_ += static_cast<uint64_t>(entry.status.st_size);
                                             return {};
                                           },
                                           [&](const std::string& path, const std::string& why) {
                                             skipped_.add(path, why);
                                             warn(fmt::format("{} is not backed up: {}", path, why));
                                           }};
  return server_->directory.walk(visitor);
}

/// Debian keeps them in /etc/postgresql, where no physical backup finds them (postgres-rules B18).
void DatabaseBackup::Steps::warn_of_configuration_outside() {
  for (const auto& path : {server_->info.config_file, server_->info.hba_file}) {
    if (path.empty() || path.starts_with(server_->info.data_directory + "/")) continue;
    bool captured = false;
    for (const auto& set : settings_.file_sets) {
      for (const auto& root : set.paths) captured = captured || path == root || path.starts_with(root + "/");
    }
    if (!captured) warn(fmt::format("{} lies outside the data directory and in no set of `files`", path));
  }
}

Result<void> DatabaseBackup::Steps::open_repository() {
  repository_ = TRY(repository::Repository::open_for_writing({settings_.cluster, settings_.state_directory},
                                                             identity_of(*server_, settings_.cluster),
                                                             collaborators_.repository));
  return check_space();
}

Result<void> DatabaseBackup::Steps::check_space() {
  auto free = TRY(repository_->store().free_space());
  if (free && *free < expected_bytes_ / 2) {
    warn(fmt::format("{} has {} free, and {} are to be backed up: it may become full",
                     repository_->store().description(), format_bytes(*free), format_bytes(expected_bytes_)));
  }
  return {};
}

Result<void> DatabaseBackup::Steps::choose_base() {
  if (settings_.type != BackupType::incremental) return {};
  progress().begin_phase("reading the full backup's table", 0);
  const auto& info = server_->info;
  base_ = TRY(backup::choose_base(*repository_,
                                  {.major_version = server_->major(),
                                   .catalog_version = info.catalog_version,
                                   .page_size = info.page_size,
                                   .data_checksums = info.data_checksums,
                                   .timeline = info.timeline,
                                   .now = info.now,
                                   .host = settings_.host},
                                  stop_));
  if (!base_.files) {
    notice("there is no full backup yet, so this becomes one");
    return {};
  }
  report_.parent = base_.files->summary().label;
  report_.doubts = base_.doubts;
  for (const auto& doubt : base_.doubts) notice("every file is read: " + doubt);
  return {};
}

Result<void> DatabaseBackup::Steps::reserve() {
  auto reservation = TRY(wal::reserve_slot(*control_, settings_.slot, stop_));
  for (const auto& text : reservation.notices) notice(text);
  auto retention = TRY(wal::read_wal_retention(*control_, settings_.slot, server_->info.data_directory, stop_));
  for (const auto& text : retention.warnings) warn(text);
  return {};
}

}  // namespace spendsync::backup
