#include "restore/data_restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "base/crc32c.h"
#include "postgres/backup_manifest.h"
#include "postgres/control_file.h"
#include "postgres/recovery_settings.h"
#include "repository/restore_rules.h"

namespace spendsync::restore {

using repository::FileEntry;
using repository::FileKind;
using repository::Placement;

namespace {

constexpr uint32_t kSpecialBits = 07000;              // set-id, sticky
constexpr uint64_t kConfigurationFileMax = 1u << 20;  // bytes
constexpr size_t kConfigurationFilesMax = 1000;       // captured *.conf files remembered
constexpr const char* kControlFile = "global/pg_control";
constexpr const char* kControlFileUnfinished = "global/pg_control.restoring";

std::array<timespec, 2> times_of(const FileEntry& entry) {
  constexpr int64_t kSecond = 1'000'000'000;
  auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(entry.mtime_ns)).count();
  return {timespec{0, UTIME_OMIT}, timespec{seconds, entry.mtime_ns - seconds * kSecond}};
}

Timestamp modified(const FileEntry& entry) {
  return Timestamp(std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds(entry.mtime_ns)));
}

bool is_configuration_name(std::string_view path) {
  return path == "postgresql.conf" || path == "pg_hba.conf" || path == "pg_ident.conf";
}

}  // namespace

/// backup_manifest while it is written. Not in it: itself and what pg_verifybackup passes over (pg_wal,
/// postgresql.auto.conf, signal files).
class DataRestore::ManifestFile {
 public:
  static Result<std::unique_ptr<ManifestFile>> create(const std::string& data,
                                                      const repository::ManifestSummary& summary) {
    auto writer = TRY(postgres::BackupManifestWriter::create(
        data + "/backup_manifest",
        {.major_version = summary.major_version, .system_identifier = summary.system_identifier}));
    return std::unique_ptr<ManifestFile>(new ManifestFile(std::move(writer)));
  }
  /// Thread-safe.
  Result<void> add(const FileEntry& entry) {
    std::lock_guard lock(mutex_);
    return writer_.add({entry.path, entry.size, modified(entry), entry.crc32c});
  }
  Result<void> add(const std::string& path, ByteView content, Timestamp when) {
    std::lock_guard lock(mutex_);
    return writer_.add({path, content.size(), when, crc32c(0, content)});
  }
  Result<void> finish(const repository::ManifestSummary& summary) {
    return writer_.finish({{summary.start.timeline, summary.start.lsn, summary.stop.lsn}});
  }

 private:
  explicit ManifestFile(postgres::BackupManifestWriter writer) : writer_(std::move(writer)) {}
  std::mutex mutex_;
  postgres::BackupManifestWriter writer_;
};

DataRestore::DataRestore(repository::BackupReader& reader, repository::WalArchive& archive, const RestorePlan& plan,
                         const TargetDirectory& target, Settings settings, Progress& progress)
    : reader_(reader),
      archive_(archive),
      plan_(plan),
      target_(target),
      settings_(std::move(settings)),
      progress_(progress) {}

DataRestore::~DataRestore() = default;

Result<DataStats> DataRestore::run(std::stop_token stop) {
  TRY(open_places());
  writers_ = TRY(ContentWriters::start(reader_, {.workers = settings_.workers}, progress_, stop));
  auto fed = feed(stop);
  // A worker's failure shows in feed() as "stopped": finish() tells the cause.
  auto written = writers_->finish();
  if (!fed && !fed.error().is(ErrorKind::cancelled)) return std::move(fed).error();
  TRY(std::move(written));
  TRY(std::move(fed));
  stats_.written = writers_->written_bytes() - std::min(writers_->written_bytes(), captured_bytes());
  if (plan_.restores_database() && target_.holds_files()) TRY(remove_rest());
  if (captured_) stats_.captured = TRY(captured_->finish());
  if (plan_.restores_database()) TRY(finish_database(stop));
  return std::move(stats_);
}

Result<void> DataRestore::open_places() {
  const auto& summary = reader_.summary();
  if (plan_.restores_database()) {
    auto mode = summary.server_settings.find("data_directory_mode");
    group_access_ = mode != summary.server_settings.end() && mode->second == "0750";
    auto tree = TRY(BeneathTree::open(plan_.paths.data));
    data_ = std::make_unique<Place>(std::move(tree));
    if (target_.holds_files()) TRY(invalidate());
    TRY(open_place(*data_, [](const std::string& name) {
      return name != repository::kUnfinishedMarker && name != repository::kInPlaceFile;
    }));
    placement_.emplace(summary);
    auto version = fmt::format("PG_{}_{}", summary.major_version, summary.catalog_version);
    for (const auto& tablespace : plan_.tablespaces) {
      TRY(target_.make_directory(tablespace.location));
      auto outside = TRY(BeneathTree::open(tablespace.location));
      auto place = std::make_unique<Place>(std::move(outside));
      TRY(open_place(*place, [version](const std::string& name) { return name == version; }));
      tablespaces_.emplace(tablespace.oid, std::move(place));
    }
    manifest_ = TRY(ManifestFile::create(plan_.paths.data, summary));
  }
  if (plan_.restores_files() && !summary.captured_sets.empty()) {
    TRY(target_.make_directory(plan_.paths.files));
    captured_ = TRY(CapturedRestore::open(plan_.paths.files, summary));
  }
  return {};
}

Result<void> DataRestore::open_place(Place& place, ExistingTree::IsOurs is_ours) const {
  if (!target_.holds_files()) return {};
  place.existing.emplace(place.tree, std::move(is_ours));
  return place.existing->remove_foreign();
}

/// From here on it is no cluster, until the last of its files is right.
Result<void> DataRestore::invalidate() const {
  auto control = plan_.paths.data + "/" + kControlFile;
  if (::unlink(control.c_str()) == 0) return sync_directory(plan_.paths.data + "/global");
  if (errno == ENOENT || errno == ENOTDIR) return {};
  return Error::from_errno(errno, "cannot remove " + control);
}

/// Before the restore's own files are made, which are none of the backup's either.
Result<void> DataRestore::remove_rest() {
  TRY(data_->existing->keep("backup_manifest"));
  stats_.removed = TRY(data_->existing->remove_rest());
  for (const auto& [oid, place] : tablespaces_) stats_.removed += TRY(place->existing->remove_rest());
  return {};
}

uint64_t DataRestore::captured_bytes() const {
  uint64_t bytes = 0;
  if (captured_) {
    for (const auto& set : reader_.summary().captured_sets) bytes += set.bytes;
  }
  return bytes;
}

Result<void> DataRestore::make_directory(Place& place, const std::string& path) const {
  if (place.existing) return place.existing->make_directory(path, directory_mode());
  return place.tree.make_directory(path, directory_mode());
}

// ---- the file table

Result<void> DataRestore::feed(std::stop_token stop) {
  return reader_.for_each_file(
      [&](const FileEntry& entry) -> Result<void> {
        if (entry.set == 0) return plan_.restores_database() ? add_database_entry(entry) : Result<void>();
        remember_configuration(entry);
        if (!captured_) return {};
        return captured_->add(entry, *writers_);
      },
      stop);
}

Result<void> DataRestore::add_database_entry(const FileEntry& entry) {
  auto placement = TRY(placement_->place(entry));
  if ((entry.mode & kSpecialBits) != 0) ++stats_.special_bits;
  Place& place = placement.tablespace == 0 ? *data_ : *tablespaces_.at(placement.tablespace);
  switch (placement.action) {
    case Placement::Action::skip:
      return {};
    case Placement::Action::tablespace:
      return {};  // all of the manifest's are linked, whatever the table says
    case Placement::Action::directory:
      return make_directory(place, placement.path);
    case Placement::Action::control_file:
      return hold_control_file(entry);
    case Placement::Action::wal:
      database_files_.insert(entry.path);
      return add_file(entry, place, placement.path, false);
    case Placement::Action::file:
      break;
  }
  if (is_configuration_name(entry.path)) database_files_.insert(entry.path);
  return add_file(entry, place, placement.path, true);
}

Result<void> DataRestore::add_file(const FileEntry& entry, Place& place, const std::string& path, bool in_manifest) {
  mode_t mode = (entry.mode & 0777u) | 0600u;  // the server must be able to read and write it
  ExistingTree::File file;
  BeneathTree::Modes modes{.file = mode, .directory = directory_mode()};
  if (place.existing) {
    file = TRY(place.existing->open_file(path, modes));
  } else {
    file.fd = TRY(place.tree.create_file(path, modes));
  }
  if (in_manifest && entry.crc_known) TRY(manifest_->add(entry));
  ++stats_.files;
  stats_.bytes += entry.size;
  auto finish = [this, mode, in_manifest](const Fd& fd, const FileEntry& done) -> Result<void> {
    if (in_manifest && !done.crc_known) TRY(manifest_->add(done));
    auto times = times_of(done);
    if (fchmod(fd.get(), mode) == 0 && futimens(fd.get(), times.data()) == 0) return {};
    return Error::from_errno(errno, "cannot set mode and time of " + done.path);
  };
  if (file.found) return writers_->add_existing(entry, std::move(file.fd), finish);
  return writers_->add(entry, std::move(file.fd), finish);
}

/// Small, and the last file to appear: its content waits in memory.
Result<void> DataRestore::hold_control_file(const FileEntry& entry) {
  if (control_entry_) return Error(ErrorKind::corrupt, "the backup names global/pg_control twice");
  if (entry.size > repository::RestoreRules::kControlFileMax)
    return Error(ErrorKind::corrupt, fmt::format("the backup's pg_control has {} bytes", entry.size));
  auto frames = TRY(reader_.frame_reader());
  TRY(frames->read_file(entry, [&](uint64_t, ByteView bytes) -> Result<void> {
    control_file_.insert(control_file_.end(), bytes.begin(), bytes.end());
    return {};
  }));
  auto control = TRY_CONTEXT(postgres::parse_control_file(control_file_), "the backup's pg_control");
  if (control.system_identifier != reader_.summary().system_identifier) {
    return Error(ErrorKind::corrupt,
                 fmt::format("the backup's pg_control is of cluster {}, its manifest says {}",
                             control.system_identifier.to_string(), reader_.summary().system_identifier.to_string()));
  }
  control_entry_ = entry;
  return manifest_->add(entry);
}

void DataRestore::remember_configuration(const FileEntry& entry) {
  if (entry.kind != FileKind::file || entry.size > kConfigurationFileMax || !entry.path.ends_with(".conf")) return;
  if (configuration_.size() < kConfigurationFilesMax) configuration_.emplace("/" + entry.path, entry);
}

// ---- what makes it a cluster

Result<void> DataRestore::finish_database(std::stop_token stop) {
  if (!control_entry_) return Error(ErrorKind::corrupt, "the backup holds no global/pg_control");
  // Kept empty by a backup, and not in every table.
  for (const char* name : {"pg_wal", "pg_wal/archive_status", "pg_tblspc", "global"}) {
    TRY(data_->tree.make_directory(name, directory_mode()));
  }
  TRY(link_tablespaces());
  TRY(write_backup_files());
  if (settings_.make_configuration) TRY(write_configuration());
  TRY(fetch_missing_wal(stop));
  TRY(write_own_file(repository::kWalPlanFile, to_json(plan_.wal).dump(true) + "\n", true));
  TRY(write_own_file("recovery.signal", "", false));
  TRY(postgres::rewrite_auto_conf(plan_.paths.data, settings_.auto_conf));
  TRY(manifest_->finish(reader_.summary()));
  progress_.begin_phase("writing to disk", 0);
  TRY(sync_trees());
  return seal_control_file();
}

Result<void> DataRestore::link_tablespaces() {
  for (const auto& tablespace : plan_.tablespaces) {
    TRY(data_->tree.make_symbolic_link(fmt::format("pg_tblspc/{}", tablespace.oid), tablespace.location,
                                       directory_mode()));
  }
  return {};
}

Result<void> DataRestore::write_backup_files() {
  const auto& body = reader_.manifest().body;
  if (body.backup_label.empty()) return Error(ErrorKind::corrupt, "the manifest holds no backup_label");
  TRY(write_own_file("backup_label", body.backup_label, true));
  auto map = TRY(tablespace_map());
  if (map.empty()) return {};
  return write_own_file("tablespace_map", map, true);
}

/// The server makes the links anew from this file when it recovers (R4; xlogrecovery.c, read_tablespace_map).
Result<std::string> DataRestore::tablespace_map() const {
  std::string map;
  for (const auto& tablespace : plan_.tablespaces) map += fmt::format("{} {}\n", tablespace.oid, tablespace.location);
  bool had_map = !reader_.manifest().body.tablespace_map.empty();
  if (had_map == map.empty())
    return Error(ErrorKind::corrupt, "tablespace_map and the manifest's tablespaces disagree");
  return map;
}

Result<void> DataRestore::write_configuration() {
  const auto& settings = reader_.summary().server_settings;
  auto captured = captured_configuration();
  std::vector<ServerFile> files;
  if (!database_files_.contains("postgresql.conf")) {
    auto file = TRY(make_postgresql_conf(settings, captured));
    files.push_back(std::move(file));
  }
  if (!database_files_.contains("pg_hba.conf")) {
    auto file = TRY(make_pg_hba_conf(settings, captured));
    files.push_back(std::move(file));
  }
  if (!database_files_.contains("pg_ident.conf")) {
    auto file = TRY(make_pg_ident_conf(settings, captured));
    if (file) files.push_back(std::move(*file));
  }
  for (auto& file : files) {
    TRY(write_own_file(file.name, file.content, true));
    file.content.clear();
    stats_.made.push_back(std::move(file));
  }
  return {};
}

CapturedConfiguration DataRestore::captured_configuration() {
  CapturedConfiguration captured;
  captured.text = [this](const std::string& path) -> Result<std::optional<std::string>> {
    auto found = configuration_.find(path);
    if (found == configuration_.end()) return std::optional<std::string>();
    auto frames = TRY(reader_.frame_reader());
    std::string text;
    TRY(frames->read_file(found->second, [&](uint64_t, ByteView bytes) -> Result<void> {
      text += as_text(bytes);
      return {};
    }));
    return std::optional(text);
  };
  captured.names = [this](const std::string& directory) {
    std::vector<std::string> names;
    auto prefix = directory + "/";
    for (auto at = configuration_.lower_bound(prefix); at != configuration_.end() && at->first.starts_with(prefix);
         ++at) {
      if (at->first.find('/', prefix.size()) == std::string::npos) names.push_back(at->first);
    }
    return names;
  };
  return captured;
}

/// With the WAL from start to stop in pg_wal the copy reaches consistency by itself; backups bring it along.
Result<void> DataRestore::fetch_missing_wal(std::stop_token stop) {
  if (!plan_.wal.in_backup) return {};
  const auto& run = *plan_.wal.in_backup;
  stats_.wal_in_backup = true;
  for (SegmentName name = run.first; name <= run.last; name = name.next()) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped while fetching WAL");
    auto path = "pg_wal/" + name.file_name(plan_.wal.segment_size);
    if (database_files_.contains(path)) continue;
    auto content = TRY_CONTEXT(archive_.get_segment(name), "fetching the backup's own WAL");
    Fd file = TRY(data_->tree.create_file(path, {.file = 0600, .directory = directory_mode()}));
    TRY(write_all(file, content, path));
    TRY(file.close());
  }
  return {};
}

Result<void> DataRestore::write_own_file(const std::string& name, std::string_view content, bool in_manifest) {
  mode_t mode = group_access_ ? 0640 : 0600;
  Fd file = TRY(data_->tree.create_file(name, {.file = mode, .directory = directory_mode()}));
  TRY(write_all(file, as_bytes(content), name));
  TRY(file.close());
  if (!in_manifest) return {};
  return manifest_->add(name, as_bytes(content), reader_.summary().stopped);
}

Result<void> DataRestore::sync_trees() const {
  TRY(data_->tree.sync());
  for (const auto& [oid, place] : tablespaces_) TRY(place->tree.sync());
  return {};
}

Result<void> DataRestore::seal_control_file() {
  mode_t mode = group_access_ ? 0640 : 0600;
  Fd file = TRY(data_->tree.create_file(kControlFileUnfinished, {.file = mode, .directory = directory_mode()}));
  TRY(write_all(file, control_file_, kControlFile));
  auto times = times_of(*control_entry_);
  if (futimens(file.get(), times.data()) != 0)
    return Error::from_errno(errno, "cannot set the time of global/pg_control");
  TRY(sync_file(file, kControlFile));
  TRY(data_->tree.rename(kControlFileUnfinished, kControlFile));
  return sync_directory(plan_.paths.data + "/global");
}

}  // namespace spendsync::restore
