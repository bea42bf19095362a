#include "restore/plan.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/condition.h"
#include "base/file.h"
#include "base/fingerprint.h"
#include "postgres/control_file.h"
#include "repository/backup_reader.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

namespace {

constexpr uint64_t kBlock = 4096;  // what an entry may waste at the end of its last block
constexpr uint64_t kRecoveryWal =
    1u << 30;                             // segments that recovery keeps until a restart point: max_wal_size's default
constexpr unsigned kWindowSegments = 16;  // see wal_window.h

/// What was asked for, without what time changes (how far WAL reaches by now).
std::string identity_of(const RestorePlan& plan, const std::string& repository_id) {
  const auto& recovery = plan.target.recovery;
  std::string wanted;
  switch (recovery.kind) {
    case RecoveryTarget::Kind::end_of_wal:
      wanted = "end";
      break;
    case RecoveryTarget::Kind::immediate:
      wanted = "immediate";
      break;
    case RecoveryTarget::Kind::time:
      wanted = "time " + format_utc(recovery.time);
      break;
    case RecoveryTarget::Kind::lsn:
      wanted = fmt::format("lsn {} {}", recovery.lsn.to_string(), recovery.inclusive);
      break;
    case RecoveryTarget::Kind::transaction:
      wanted = "xid " + recovery.transaction;
      break;
    case RecoveryTarget::Kind::name:
      wanted = "name " + recovery.name;
      break;
  }
  std::string mapped;
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.chosen || plan.in_place) mapped += fmt::format("|{}={}", tablespace.oid, tablespace.location);
  }
  return fmt::format("{}|{}|{}|{}|{}|{}|{}{}", repository_id, plan.system_identifier.to_string(),
                     plan.target.backup.label.text(), recovery.timeline.value, wanted, static_cast<int>(plan.scope),
                     plan.ending == Ending::before_recovery, mapped);
}

/// What time changes, and where it all goes. WAL behind a target that is no end of WAL changes nothing: a server that
/// goes on writing must not make a plan that was approved another one.
std::string result_of(const RestorePlan& plan, const PlanSettings& settings) {
  const auto& target = plan.target;
  bool to_the_end = target.recovery.kind == RecoveryTarget::Kind::end_of_wal;
  auto limit = to_the_end ? target.limit.to_string() : std::string();
  auto commit = target.last_commit ? target.last_commit->lsn.to_string() : std::string();
  return fmt::format("|{}|{}|{}|{}|{}|{}|{}|{}", target.needed_until.to_string(), limit, commit,
                     format_utc(target.reached), static_cast<int>(plan.ending), settings.asked_target,
                     static_cast<int>(plan.existing), plan.in_place);
}

/// The path's segments from the backup's start to the limit.
std::vector<SegmentRun> runs_of(const wal::WalPath& path, const ResolvedTarget& target) {
  if (target.limit <= target.backup.start.lsn) return {};
  return path.runs(target.backup.start.lsn.value / path.segment_size(), (target.limit.value - 1) / path.segment_size());
}

/// The file system of a path that need not exist yet.
Result<std::pair<std::string, dev_t>> existing_ancestor(std::string path) {
  while (true) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return std::make_pair(path, status.st_dev);
    if (path == "/" || path.empty()) return Error(ErrorKind::not_found, "there is no root directory");
    auto slash = path.find_last_of('/');
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
}

/// Bytes that the files of a directory take, without following links. What cannot be read counts nothing.
uint64_t used_bytes(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code failed;
  std::filesystem::recursive_directory_iterator entries(
      directory, std::filesystem::directory_options::skip_permission_denied, failed);
  for (; !failed && entries != std::filesystem::recursive_directory_iterator(); entries.increment(failed)) {
    struct stat status {};
    if (::lstat(entries->path().c_str(), &status) == 0) bytes += static_cast<uint64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

Result<std::vector<SpaceNeed>> measure_space(const RestorePlan& plan) {
  std::vector<std::pair<std::string, uint64_t>> needs;
  uint64_t segment = plan.wal.segment_size;
  if (plan.restores_database()) {
    bool rewrites =
        plan.existing == Existing::rewritten || exists(plan.paths.data + "/" + repository::kUnfinishedMarker);
    const auto& backup = plan.target.backup;
    const auto version = fmt::format("PG_{}_{}", backup.major_version, backup.catalog_version);
    uint64_t elsewhere = 0;
    for (const auto& tablespace : plan.tablespaces) {
      auto known = plan.tablespace_bytes.find(tablespace.oid);
      if (known == plan.tablespace_bytes.end()) continue;
      elsewhere += known->second;
      uint64_t there = rewrites ? used_bytes(tablespace.location + "/" + version) : 0;
      needs.emplace_back(tablespace.location, known->second - std::min(known->second, there));
    }
    uint64_t here = plan.write_bytes - std::min(plan.write_bytes, elsewhere);
    if (rewrites) here -= std::min(here, used_bytes(plan.paths.data));
    needs.emplace_back(plan.paths.data, here + std::min(plan.wal_segments * segment, kRecoveryWal));
    needs.emplace_back(plan.paths.window, std::min<uint64_t>(plan.wal_segments, kWindowSegments) * segment);
  } else {
    needs.emplace_back(plan.paths.files, plan.write_bytes);
  }
  std::vector<SpaceNeed> result;
  std::vector<dev_t> devices;
  for (const auto& [path, bytes] : needs) {
    auto place = TRY(existing_ancestor(path));
    auto known = std::ranges::find(devices, place.second);
    if (known != devices.end()) {
      result[static_cast<size_t>(known - devices.begin())].needed += bytes;
      continue;
    }
    uint64_t free = TRY(free_bytes(place.first));
    devices.push_back(place.second);
    result.push_back({place.first, bytes, free});
  }
  return result;
}

/// What each tablespace takes: they may lie on file systems of their own.
Result<std::map<uint32_t, uint64_t>> measure_tablespaces(repository::Repository& repository,
                                                         const repository::ManifestSummary& backup) {
  constexpr std::string_view kPrefix = "pg_tblspc/";
  std::map<uint32_t, uint64_t> bytes;
  auto reader = TRY(repository::BackupReader::open(repository, backup.label));
  TRY(reader->for_each_file([&](const repository::FileEntry& entry) -> Result<void> {
    if (entry.set != 0 || entry.kind != repository::FileKind::file || !entry.path.starts_with(kPrefix)) return {};
    auto oid = static_cast<uint32_t>(std::strtoul(entry.path.c_str() + kPrefix.size(), nullptr, 10));
    bytes[oid] += (entry.size + kBlock - 1) / kBlock * kBlock;
    return {};
  }));
  return bytes;
}

uint64_t captured_bytes(const repository::ManifestSummary& summary) {
  uint64_t bytes = 0;
  for (const auto& set : summary.captured_sets) bytes += set.bytes;
  return bytes;
}

/// A repository of the same name and key may be another server's. Nothing where there is no pg_control to compare with.
std::optional<std::string> of_another_server(const RestorePlan& plan) {
  if (!plan.original) return std::nullopt;
  auto found = postgres::read_control_file(*plan.original);
  if (!found || found->control.system_identifier == plan.system_identifier) return std::nullopt;
  return fmt::format("this is a backup of another server: {}, which is configured, has the system identifier {}",
                     *plan.original, found->control.system_identifier.to_string());
}

void add_warnings(RestorePlan& plan) {
  const auto& backup = plan.target.backup;
  plan.warnings = plan.target.warnings;
  if (auto other = of_another_server(plan)) plan.warnings.push_back(*std::move(other));
  for (const auto& reason : backup.incomplete) plan.warnings.push_back("the backup is incomplete: " + reason);
  if (backup.page_failures != 0 && plan.restores_database()) {
    plan.warnings.push_back(fmt::format(
        "{} pages did not match their checksum when they were backed up, the first in {}", backup.page_failures,
        backup.page_failure_files.empty() ? "?" : backup.page_failure_files.front().path));
  }
  if (plan.restores_files() && !plan.restores_database() && backup.captured_sets.empty()) {
    plan.warnings.push_back("the backup holds no captured files");
  }
}

}  // namespace

RestorePaths RestorePaths::of(const std::string& data_directory) {
  RestorePaths paths{data_directory, data_directory + ".files", data_directory + "-tablespaces",
                     data_directory + ".wal"};
  // A mount point of the user's own below a directory of root's: only inside is there room for the window.
  if (!paths.beside_is_writable()) paths.window = data_directory + "/spendsync-restore.wal";
  return paths;
}

bool RestorePaths::beside_is_writable() const {
  auto parent = data.substr(0, data.find_last_of('/'));
  return ::access(parent.empty() ? "/" : parent.c_str(), W_OK | X_OK) == 0 || errno == ENOENT;
}

Result<RestorePlan> make_plan(repository::Repository& repository, const wal::WalCoverage& wal, ResolvedTarget target,
                              const PlanSettings& settings) {
  RestorePlan plan(std::move(target));
  const auto& backup = plan.target.backup;
  plan.scope = settings.scope;
  plan.ending = settings.ending;
  plan.existing = settings.existing;
  plan.in_place = settings.in_place;
  plan.paths = settings.paths;
  plan.original = settings.original;
  plan.cluster = repository.layout().path().cluster;
  plan.system_identifier = repository.identity().system_identifier;
  plan.repository = repository.store().description();
  if (plan.restores_database()) {
    plan.tablespaces =
        TRY(place_tablespaces(backup.tablespaces, {plan.paths.data,
                                                   plan.paths.tablespaces,
                                                   {plan.paths.files, plan.paths.tablespaces, plan.paths.window},
                                                   settings.in_place,
                                                   settings.tablespaces}));
    if (!plan.tablespaces.empty()) plan.tablespace_bytes = TRY(measure_tablespaces(repository, backup));
  }
  auto identity = identity_of(plan, repository.id());
  plan.resume_id = fingerprint(as_bytes(identity));
  plan.id = fingerprint(as_bytes(identity + result_of(plan, settings)));

  auto path = wal.path_to(plan.target.recovery.timeline);
  plan.wal.plan_id = plan.id;
  plan.wal.cluster = plan.cluster;
  plan.wal.system_identifier = plan.system_identifier;
  plan.wal.segment_size = wal.segment_size();
  plan.wal.window = plan.paths.window;
  plan.wal.aside = settings.aside;
  plan.unsaved_wal = wal.inventory().unsaved;
  for (const auto& [timeline, history] : wal.inventory().histories) plan.wal.histories.push_back(timeline);
  uint64_t captured = captured_bytes(backup);
  uint64_t in_database = backup.source_bytes - std::min(captured, backup.source_bytes);
  if (plan.restores_database()) {
    plan.wal.runs = runs_of(path, plan.target);
    for (const auto& [timeline, partial] : wal.inventory().partials) {
      if (!plan.wal.contains(partial.name)) continue;
      plan.wal.partial = SegmentRun{partial.name, partial.name};
    }
    auto first = SegmentName::containing(backup.start.timeline, backup.start.lsn, wal.segment_size());
    auto last = SegmentName::ending_at(backup.stop.timeline, backup.stop.lsn, wal.segment_size());
    if (backup.start.timeline == backup.stop.timeline && last.number >= first.number) {
      plan.wal.in_backup = SegmentRun{first, last};
    }
    // Recovery itself reads on from the segment in which the backup ended.
    Lsn from{std::min(backup.stop.lsn, plan.target.needed_until)};
    plan.wal_bytes = wal.stored_bytes(path, from, plan.target.needed_until);
    if (plan.target.needed_until > from) {
      plan.wal_segments =
          (plan.target.needed_until.value - 1) / wal.segment_size() - from.value / wal.segment_size() + 1;
    }
    plan.write_bytes += in_database + backup.entries * kBlock;
  }
  if (plan.restores_files()) plan.write_bytes += captured;
  plan.fetch_bytes = plan.wal_bytes + backup.stored_bytes;
  add_warnings(plan);
  plan.space = TRY(measure_space(plan));
  return plan;
}

Result<void> check_space(const RestorePlan& plan) {
  for (const auto& need : plan.space) {
    if (need.needed <= need.free) continue;
    return Error(ErrorKind::refused,
                 fmt::format("{} has {} free ({} bytes), the restore needs {} ({} bytes)", need.path,
                             format_bytes(need.free), need.free, format_bytes(need.needed), need.needed))
        .with_condition(Condition::no_space_for_restore)
        .with_hint(plan.existing == Existing::moved_aside
                       ? "there is no room for the old and the new data directory: --delta rewrites the old one"
                       : "choose another place with --target DIR");
  }
  return {};
}

}  // namespace spendsync::restore
