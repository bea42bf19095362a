#include <fmt/format.h>

#include <cerrno>

#include "backup/database_backup_steps.h"
#include "postgres/control_file.h"
#include "repository/placement.h"

namespace spendsync::backup {

using repository::FileEntry;
using repository::FileKind;

namespace {

int64_t mtime_ns(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

FileEntry entry_of(const postgres::DirectoryEntry& found, OwnerNames& names) {
  FileEntry entry;
  entry.path = found.path;
  entry.uid = found.status.st_uid;
  entry.gid = found.status.st_gid;
  entry.owner = names.user(found.status.st_uid);
  entry.group = names.group(found.status.st_gid);
  entry.mode = found.status.st_mode & 07777u;
  entry.mtime_ns = mtime_ns(found.status);
  entry.link_target = found.link_target;
  if (found.kind == postgres::EntryKind::directory) entry.kind = FileKind::directory;
  if (found.kind == postgres::EntryKind::symbolic_link) entry.kind = FileKind::symbolic_link;
  return entry;
}

/// Tablespaces are reached through their links, which are the server's own; the file itself may be no link.
Result<Fd> open_data_file(const Fd& directory, const std::string& path) {
  auto fd = open_at(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd && fd.error().os_error() == ELOOP) {
    return Error(ErrorKind::refused, "a symbolic link has taken its place");
  }
  return fd;
}

}  // namespace

Result<void> DatabaseBackup::Steps::create_copier() {
  FileCopier::Settings settings;
  settings.workers = settings_.workers;
  settings.blocks_per_segment = server_->info.relation_segment_size / server_->info.page_size;
  settings.range.frame_size = settings_.frame_size;
  settings.range.pages.page_size = server_->info.page_size;
  settings.range.pages.enabled = server_->info.data_checksums;
  settings.range.pages.backup_start = session_->start_lsn();
  settings.range.pages.newest_lsn = [this] { return newest_lsn(); };
  settings.trust_identity = base_.doubts.empty();
  copier_ = TRY(FileCopier::create(
      std::move(settings), {*run_, clock(), log(), progress(), base_.files.get(), changes_ ? &*changes_ : nullptr},
      copier_notices()));
  return {};
}

FileCopier::Notices DatabaseBackup::Steps::copier_notices() {
  return {[this](const std::string& name, const std::string& why) {
            skipped_.add(name, why);
            warn(fmt::format("{} is not backed up: {}", name, why));
          },
          [this](const std::string& name, const std::string& why) { warn(fmt::format("{}: {}", name, why)); },
          [this](const std::string& name, Error error) -> Result<void> {
            if (!settings_.skip_unreadable) return std::move(error).with_context("capturing " + name);
            unreadable_.add(name, error.message());
            return {};
          }};
}

Result<Lsn> DatabaseBackup::Steps::newest_lsn() {
  std::lock_guard lock(control_mutex_);
  // A standby's pages are no newer than what it has received.
  auto text =
      TRY(control_->query_value("SELECT CASE WHEN pg_is_in_recovery() THEN"
                                " greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
                                " ELSE pg_current_wal_insert_lsn() END",
                                {}, stop_));
  return Lsn::parse(text);
}

Result<void> DatabaseBackup::Steps::copy_files() {
  progress().begin_phase("copying files", expected_bytes_, expected_files_);
  ProblemList unreadable;
  tablespaces_.clear();
  TRY(copier_->run(
      [&](const FileCopier::Add& add) -> Result<void> {
        TRY(feed_data_directory(add));
        return feed_captured(*captured_, *run_, add, unreadable, stop_);
      },
      stop_));
  for (const auto& line : unreadable.lines()) report_.incomplete.push_back("not captured: " + line);
  for (const auto& line : unreadable_.lines()) report_.incomplete.push_back("not captured: " + line);
  if (!settings_.skip_unreadable && !report_.incomplete.empty()) {
    return Error(ErrorKind::denied, fmt::format("captured files have become unreadable: {}", report_.incomplete[0]));
  }
  return {};
}

Result<void> DatabaseBackup::Steps::feed_data_directory(const FileCopier::Add& add) {
  OwnerNames names;
  auto visit = [&](const postgres::DirectoryEntry& found) -> Result<void> {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped while copying files");
    remember_tablespace(found);
    if (found.kind != postgres::EntryKind::file) return run_->add_file(entry_of(found, names));
    CopyFile file;
    file.entry = entry_of(found, names);
    file.name = server_->info.data_directory + "/" + found.path;
    file.expected_size = static_cast<uint64_t>(found.status.st_size);
    file.role = found.role;
    file.segment = found.segment;
    file.open = [this, path = found.path] { return open_data_file(data_directory_, path); };
    return add(std::move(file));
  };
  return server_->directory.walk({visit, {}});
}

/// The walk decides which tablespaces the backup has: one may have come or gone since the server was looked at.
void DatabaseBackup::Steps::remember_tablespace(const postgres::DirectoryEntry& found) {
  auto oid = repository::tablespace_of(found.path);
  bool is_root = oid && found.path.find('/') == found.path.rfind('/');
  if (is_root) tablespaces_.push_back({*oid, found.link_target});
}

/// Last of all files: on a standby it says where the backup ends, and everywhere it must not be older than the rest.
Result<void> DatabaseBackup::Steps::copy_control_file() {
  auto control = TRY(postgres::read_control_file(server_->info.data_directory));
  FileEntry entry;
  entry.path = "global/pg_control";
  struct stat status {};
  if (fstatat(data_directory_.get(), entry.path.c_str(), &status, 0) != 0) {
    return Error::from_errno(errno, "cannot look at global/pg_control");
  }
  OwnerNames names;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.owner = names.user(status.st_uid);
  entry.group = names.group(status.st_gid);
  entry.mode = status.st_mode & 07777u;
  entry.mtime_ns = mtime_ns(status);
  return copier_->add_content(std::move(entry), control.bytes);
}

Result<void> DatabaseBackup::Steps::stop_server_backup() {
  stopped_ = TRY(session_->stop(stop_));
  session_.reset();
  TRY(expect_one_timeline());
  log().info(fmt::format("files copied; the server ended the backup at {}", stopped_.stop.lsn.to_string()));
  return {};
}

/// A standby may have followed its upstream over a promotion (postgres-rules B6): the copied files then belong to two
/// histories.
Result<void> DatabaseBackup::Steps::expect_one_timeline() const {
  if (stopped_.start.timeline == stopped_.stop.timeline) return {};
  return Error(ErrorKind::conflict, fmt::format("the standby went from timeline {} to {} during the backup",
                                                stopped_.start.timeline.value, stopped_.stop.timeline.value))
      .with_hint("start a new backup: this one cannot be completed");
}

}  // namespace spendsync::backup
