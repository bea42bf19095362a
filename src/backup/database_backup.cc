#include "backup/database_backup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "backup/captured_copy.h"
#include "backup/changed_since.h"
#include "backup/incremental_base.h"
#include "backup/run_lock.h"
#include "backup/server_check.h"
#include "backup/wal_copy.h"
#include "backup/wal_range.h"
#include "base/time.h"
#include "postgres/control_file.h"
#include "postgres/sql_values.h"

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

/// What is in an open pack is lost when a run is interrupted: small databases get small packs, so that a resumed run
/// has little to send again, and large ones the size that stores like best.
uint64_t pack_size_for(uint64_t bytes) {
  constexpr uint64_t kSmallest = 4u << 20;
  constexpr uint64_t kLargest = 64u << 20;
  return std::clamp(bytes / 256, kSmallest, kLargest);
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

// What the steps of one backup hand on to each other.
class DatabaseBackup::Steps {
 public:
  Steps(const Settings& settings, const Collaborators& collaborators, std::stop_token stop)
      : settings_(settings), collaborators_(collaborators), stop_(std::move(stop)) {}

  Result<DatabaseBackupReport> run() {
    auto begun = clock().monotonic();
    TRY(check_server_and_files());
    TRY(open_repository());
    TRY(choose_base());
    TRY(reserve());
    TRY(begin());
    TRY(copy_files());
    TRY(copy_control_file());
    TRY(stop_server_backup());
    TRY(bring_wal());
    TRY(commit());
    report_.duration = clock().monotonic() - begun;
    return std::move(report_);
  }

 private:
  Result<void> check_server_and_files();
  Result<void> check_captured_files();
  Result<void> count_data_directory();
  void warn_of_configuration_outside();
  Result<void> open_repository();
  Result<void> check_space();
  Result<void> choose_base();
  Result<void> reserve();
  Result<void> begin();
  Result<void> begin_run();
  Result<repository::LockDomain> lock_domain();
  repository::BackupRun::Settings run_settings() const;
  Result<void> ask_wal_for_changes();
  std::string why_not_by_wal() const;
  Result<void> create_copier();
  Result<void> copy_files();
  Result<void> feed_data_directory(const FileCopier::Add& add);
  Result<void> copy_control_file();
  Result<void> stop_server_backup();
  Result<void> bring_wal();
  Result<void> deliver_wal(repository::WalArchive& archive);
  Result<void> expect_one_timeline() const;
  Result<void> look_at_logs_since_full(repository::WalArchive& archive);
  Result<void> commit();
  Result<Lsn> newest_lsn();
  repository::ManifestSummary summary(const CopyStats& stats) const;
  void fill_report(const repository::ManifestSummary& summary, const CopyStats& stats);

  FileCopier::Notices copier_notices();
  void warn(std::string text);
  void notice(std::string text);
  const Clock& clock() const { return collaborators_.repository.clock; }
  Log& log() { return collaborators_.repository.log; }
  Progress& progress() { return collaborators_.progress; }

  const Settings& settings_;
  const Collaborators& collaborators_;
  std::stop_token stop_;
  DatabaseBackupReport report_;

  std::optional<postgres::Connection> control_;
  std::mutex control_mutex_;  // while workers copy, they may ask it for the end of WAL
  std::optional<CheckedServer> server_;
  std::optional<CapturedFiles> captured_;
  uint64_t expected_bytes_ = 0;
  uint64_t expected_files_ = 0;
  ProblemList skipped_;
  ProblemList unreadable_;
  Fd data_directory_;
  struct stat data_directory_status_ {};

  // In this order: the session ends before the copier goes, and that before the run that it writes to.
  std::unique_ptr<repository::Repository> repository_;
  IncrementalBase base_;
  std::optional<postgres::WalChangeSet> changes_;  // since the full; empty: compare everything
  std::unique_ptr<repository::BackupRun> run_;
  std::unique_ptr<FileCopier> copier_;
  std::optional<postgres::BackupSession> session_;
  Timestamp started_;
  postgres::BackupSession::Stopped stopped_;
};

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
  return count_data_directory();
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
  auto reservation = TRY(reserve_slot(*control_, settings_.slot, stop_));
  for (const auto& text : reservation.notices) notice(text);
  auto retention = TRY(read_wal_retention(*control_, settings_.slot, server_->info.data_directory, stop_));
  for (const auto& text : retention.warnings) warn(text);
  return {};
}

repository::BackupRun::Settings DatabaseBackup::Steps::run_settings() const {
  repository::BackupRun::Settings settings;
  settings.type = base_.files ? BackupType::incremental : BackupType::full;
  if (base_.files) settings.parent = base_.files->summary().label;
  settings.workers = settings_.workers;
  settings.compression = settings_.compression;
  settings.pack_size = pack_size_for(expected_bytes_);
  settings.host = settings_.host;
  settings.tool_version = settings_.tool_version;
  return settings;
}

Result<repository::LockDomain> DatabaseBackup::Steps::lock_domain() {
  auto rows = TRY(control_->query("SELECT current_database()", {}, stop_));
  auto row = TRY(postgres::RowReader::single(rows, 1));
  auto database = TRY(row.text());
  return repository::LockDomain{settings_.host, server_->info.data_directory, std::move(database)};
}

/// The lock tells the next run that this one lives.
Result<void> DatabaseBackup::Steps::begin_run() {
  RunLock::Settings lock_settings;
  lock_settings.cluster = settings_.cluster;
  lock_settings.domain = TRY(lock_domain());
  lock_settings.wait = settings_.resume_lock_wait;
  RunLock lock(std::move(lock_settings), *control_, stop_);
  const auto run_settings = [&] {
    auto settings = this->run_settings();
    settings.lock = lock.domain();
    return settings;
  };
  TRY(lock.enter());
  std::optional<repository::InterruptedRun> interrupted;
  if (settings_.resume && !base_.files) {
    interrupted = TRY(take_interrupted_run(*repository_, lock, settings_.resume_age_max, log(), stop_));
  }
  if (!interrupted) {
    run_ = TRY(repository::BackupRun::begin(*repository_, run_settings(), stop_));
    TRY(lock.hold(run_->label()));
    return lock.leave();
  }
  auto text = fmt::format("taking up {} again, interrupted on {}: {} that were sent need not be sent again",
                          interrupted->start().label.text(), interrupted->start().host,
                          format_bytes(interrupted->stored_bytes()));
  run_ = TRY(repository::BackupRun::resume(*repository_, run_settings(), *std::move(interrupted), stop_));
  report_.resumed = true;
  notice(std::move(text));
  return lock.leave();
}

Result<void> DatabaseBackup::Steps::begin() {
  TRY(begin_run());
  log().info(fmt::format("backup {} begins", run_->label().text()));
  progress().begin_phase("waiting for the checkpoint", 0);
  auto connection = TRY(postgres::Connection::open(settings_.connection));
  session_ = TRY(postgres::BackupSession::start(
      std::move(connection), {"spendsync-backup " + run_->label().text(), settings_.fast_checkpoint}, stop_));
  if (session_->on_standby() != server_->info.in_recovery) {
    return Error(ErrorKind::conflict, "the standby was promoted while the backup began").with_hint("run it again");
  }
  started_ = session_->started();
  TRY(ask_wal_for_changes());
  return create_copier();
}

/// What is not told is found by comparing every page, as without it.
Result<void> DatabaseBackup::Steps::ask_wal_for_changes() {
  if (!base_.files || !settings_.changes_from_wal) return {};
  progress().begin_phase("reading change maps", 0);
  auto why_not = why_not_by_wal();
  if (why_not.empty()) {
    const auto& info = server_->info;
    repository::WalArchive archive(*repository_, {settings_.compression});
    auto found = TRY(find_changes(archive,
                                  {.from = base_.files->summary().start,
                                   .until = session_->start_lsn(),
                                   .segment_size = info.wal_segment_size,
                                   .major_version = server_->major(),
                                   .system_identifier = info.system_identifier,
                                   .wal_directory = info.data_directory + "/pg_wal",
                                   .local_bytes_max = std::max<uint64_t>(expected_bytes_, 1u << 30)},
                                  stop_));
    log().debug("change maps",
                {{"maps", std::to_string(found.maps)}, {"segments", std::to_string(found.segments_read)}});
    changes_ = std::move(found.changes);
    why_not = std::move(found.why_not);
  }
  report_.found_by_wal = changes_.has_value();
  if (!changes_) notice("every page is compared, as WAL does not tell what changed: " + why_not);
  return {};
}

std::string DatabaseBackup::Steps::why_not_by_wal() const {
  const auto& full = base_.files->summary();
  if (!base_.doubts.empty()) return base_.doubts.front();
  if (full.start.timeline != full.stop.timeline) return "the full went over a timeline switch";
  if (full.from_standby) return "the full was taken from a standby";
  if (server_->info.in_recovery) return "the server is a standby";
  return {};
}

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

Result<void> DatabaseBackup::Steps::bring_wal() {
  const auto& info = server_->info;
  WalCopy copy({info.data_directory, stopped_.start, stopped_.stop, info.wal_segment_size, info.system_identifier,
                data_directory_status_.st_uid, data_directory_status_.st_gid});
  report_.wal_segments = copy.segments().size();
  progress().begin_phase("copying WAL", copy.bytes(), report_.wal_segments);
  TRY(copy.copy_local(*copier_, stop_));

  repository::WalArchive archive(*repository_, {settings_.compression});
  progress().begin_phase("delivering WAL", copy.bytes(), report_.wal_segments);
  TRY(deliver_wal(archive));
  TRY(copy.copy_missing(*copier_, archive, stop_));
  return look_at_logs_since_full(archive);
}

/// An incremental brings the transaction logs since its full along by reference: they are the repository's already.
Result<void> DatabaseBackup::Steps::look_at_logs_since_full(repository::WalArchive& archive) {
  if (!base_.files) return {};
  const auto& full = base_.files->summary();
  auto history = TRY(load_history(archive, stopped_.stop.timeline));
  auto ranges = follow_history(history, full.start, stopped_.stop.lsn);
  if (!ranges) {
    warn(fmt::format("the server's history does not go through {}: between it and this backup nothing can be recovered",
                     full.label.text()));
    return {};
  }
  auto missing = TRY(missing_segments(archive, *ranges, server_->info.wal_segment_size));
  // On a standby the segment of the stop is not complete yet; the backup's own packs hold what is needed of it.
  auto last = SegmentName::ending_at(stopped_.stop.timeline, stopped_.stop.lsn, server_->info.wal_segment_size);
  std::erase_if(missing, [&](const SegmentRun& run) { return run.first == last && run.last == last; });
  for (const auto& run : missing) {
    warn(
        fmt::format("WAL since {} is missing: {} segment(s) from {}; this backup does not need them, recovery to a "
                    "moment between the two does",
                    full.label.text(), run.count(), run.first.file_name(server_->info.wal_segment_size)));
  }
  return {};
}

/// A standby cannot end a segment (B14), and its primary may be out of reach: of the segment in which the backup ended
/// the backup's own packs hold what recovery needs. All before it is complete, and goes into the repository.
Result<void> DatabaseBackup::Steps::deliver_wal(repository::WalArchive& archive) {
  const auto& info = server_->info;
  WalDelivery::Settings settings;
  settings.connection = settings_.connection;
  settings.slot = settings_.slot;
  settings.segment_size = info.wal_segment_size;
  settings.major_version = server_->major();
  settings.system_identifier = info.system_identifier;
  settings.delivery_timeout = settings_.delivery_timeout;
  settings.change_maps = settings_.changes_from_wal;
  WalDelivery delivery(std::move(settings), {archive, clock(), log(), progress()});
  auto until = stopped_.stop;
  if (info.in_recovery) {
    until.lsn.value -= until.lsn.value % info.wal_segment_size;
    notice(fmt::format("made on a standby: WAL from {} on is in this backup alone until its segment is complete",
                       until.lsn.to_string()));
    if (until.lsn <= stopped_.start.lsn) {
      TRY(delivery.store_histories(until.timeline, stop_));
      return {};
    }
  }
  auto outcome = TRY_CONTEXT(delivery.deliver_until(*control_, {stopped_.start, until}, stop_),
                             "bringing the backup's WAL into the repository");
  for (const auto& text : outcome.warnings) warn(text);
  report_.wal_delivery = outcome.path;
  return {};
}

Result<void> DatabaseBackup::Steps::commit() {
  progress().begin_phase("finishing", 0);
  auto stats = TRY(copier_->finish());
  if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the backup was complete");
  auto label = TRY(postgres::parse_backup_label(stopped_.backup_label));
  auto complete = summary(stats);
  complete.checkpoint = label.checkpoint_lsn;
  auto written = TRY(run_->commit(std::move(complete), {stopped_.backup_label, stopped_.tablespace_map}));
  fill_report(written, stats);
  if (stats.page_failures > 0) {
    const auto& first = stats.page_failure_files.front();
    warn(fmt::format("{} pages of the source are damaged, the first is block {} of {}; they were backed up as they are",
                     stats.page_failures, first.blocks.front(), first.path));
  }
  return {};
}

repository::ManifestSummary DatabaseBackup::Steps::summary(const CopyStats& stats) const {
  repository::ManifestSummary summary;
  const auto& info = server_->info;
  summary.started = started_;
  summary.stopped = stopped_.stopped;
  summary.start = stopped_.start;
  summary.stop = stopped_.stop;
  summary.page_size = info.page_size;
  summary.major_version = server_->major();
  summary.catalog_version = info.catalog_version;
  summary.server_version = server_->version_text;
  summary.data_checksums = info.data_checksums;
  summary.from_standby = info.in_recovery;
  summary.server_settings = recovery_facts(*server_);
  summary.page_failures = stats.page_failures;
  for (const auto& file : stats.page_failure_files) summary.page_failure_files.push_back({file.path, file.blocks});
  for (size_t set = 0; set < settings_.file_sets.size(); ++set) {
    auto count = set + 1 < stats.sets.size() ? stats.sets[set + 1] : CopyStats::SetCount();
    const auto& configured = settings_.file_sets[set];
    summary.captured_sets.push_back(
        {static_cast<uint32_t>(set + 1), configured.name, configured.paths, count.files, count.bytes});
  }
  for (const auto& space : server_->tablespaces) summary.tablespaces.push_back({space.oid, space.location});
  summary.incomplete = report_.incomplete;
  if (!skipped_.empty()) summary.notes["not backed up"] = fmt::format("{}", fmt::join(skipped_.lines(), "\n"));
  return summary;
}

void DatabaseBackup::Steps::fill_report(const repository::ManifestSummary& summary, const CopyStats& stats) {
  report_.label = summary.label;
  report_.system_identifier = summary.system_identifier;
  report_.started = summary.started;
  report_.stopped = summary.stopped;
  report_.restorable_from = summary.stopped;
  report_.start = summary.start;
  report_.stop = summary.stop;
  report_.source_bytes = summary.source_bytes;
  report_.stored_bytes = summary.stored_bytes;
  report_.kept_bytes = stats.kept_bytes;
  report_.unread_files = stats.unread_files;
  report_.unread_bytes = stats.unread_bytes;
  report_.reused_bytes = run_->progress().reused_bytes;
  report_.files = summary.files;
  report_.vanished = stats.vanished;
  report_.captured_sets = summary.captured_sets;
  report_.from_standby = summary.from_standby;
  report_.data_checksums = summary.data_checksums;
  report_.page_failures = summary.page_failures;
  report_.page_failure_files = summary.page_failure_files;
  report_.skipped = skipped_.lines();
}

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
