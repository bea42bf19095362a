#include "restore/plan.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

namespace {

constexpr uint64_t kBlock = 4096;  // what an entry may waste at the end of its last block
constexpr uint64_t kRecoveryWal =
    1u << 30;                             // segments that recovery keeps until a restart point: max_wal_size's default
constexpr unsigned kWindowSegments = 16;  // see wal_window.h

/// FNV-1a: names a plan; nobody is kept out by it.
std::string short_hash(const std::string& text) {
  uint64_t hash = 14695981039346656037ull;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return fmt::format("{:016x}", hash);
}

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::everything:
      return "database and captured files";
    case Scope::database:
      return "database";
    case Scope::files:
      return "captured files";
  }
  return "";
}

std::string_view to_string(Ending ending) {
  switch (ending) {
    case Ending::stopped:
      return "recovered and cleanly stopped";
    case Ending::started:
      return "recovered and running";
    case Ending::before_recovery:
      return "restored, not recovered";
  }
  return "";
}

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
  return fmt::format("{}|{}|{}|{}|{}|{}|{}", repository_id, plan.system_identifier.to_string(),
                     plan.target.backup.label.text(), recovery.timeline.value, wanted, to_string(plan.scope),
                     plan.ending == Ending::before_recovery);
}

/// The path's segments from the backup's start to the limit, a stretch a timeline.
std::vector<WalPlan::Stretch> stretches_of(const WalPath& path, const ResolvedTarget& target) {
  std::vector<WalPlan::Stretch> stretches;
  if (target.limit <= target.backup.start.lsn) return stretches;
  uint64_t last = (target.limit.value - 1) / path.segment_size();
  for (uint64_t number = target.backup.start.lsn.value / path.segment_size(); number <= last; ++number) {
    SegmentName name = path.at(number);
    if (stretches.empty() || stretches.back().timeline != name.timeline) {
      stretches.push_back({name.timeline, number, number});
    }
    stretches.back().last = number;
  }
  return stretches;
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

Result<std::vector<SpaceNeed>> measure_space(const RestorePlan& plan) {
  std::vector<std::pair<std::string, uint64_t>> needs;
  uint64_t segment = plan.wal.segment_size;
  if (plan.restores_database()) {
    needs.emplace_back(plan.paths.data, plan.write_bytes + std::min(plan.wal_segments * segment, kRecoveryWal));
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

uint64_t captured_bytes(const repository::ManifestSummary& summary) {
  uint64_t bytes = 0;
  for (const auto& set : summary.captured_sets) bytes += set.bytes;
  return bytes;
}

void add_warnings(RestorePlan& plan) {
  const auto& backup = plan.target.backup;
  plan.warnings = plan.target.warnings;
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

Result<RestorePlan> make_plan(repository::Repository& repository, const WalCoverage& wal, ResolvedTarget target,
                              const PlanSettings& settings) {
  RestorePlan plan(std::move(target));
  const auto& backup = plan.target.backup;
  plan.scope = settings.scope;
  plan.ending = settings.ending;
  plan.paths = settings.paths;
  plan.cluster = repository.layout().path().cluster;
  plan.system_identifier = repository.identity().system_identifier;
  plan.repository = repository.store().description();
  plan.id = short_hash(identity_of(plan, repository.id()));
  for (const auto& tablespace : backup.tablespaces) {
    if (tablespace.location.empty() || !plan.restores_database()) continue;
    plan.tablespaces.push_back(
        {tablespace.oid, tablespace.location, fmt::format("{}/{}", plan.paths.tablespaces, tablespace.oid)});
  }

  auto path = wal.path_to(plan.target.recovery.timeline);
  plan.wal.plan_id = plan.id;
  plan.wal.cluster = plan.cluster;
  plan.wal.system_identifier = plan.system_identifier;
  plan.wal.segment_size = wal.segment_size();
  plan.wal.window = plan.paths.window;
  for (const auto& [timeline, history] : wal.inventory().histories) plan.wal.histories.push_back(timeline);
  uint64_t captured = captured_bytes(backup);
  uint64_t in_database = backup.source_bytes - std::min(captured, backup.source_bytes);
  if (plan.restores_database()) {
    plan.wal.stretches = stretches_of(path, plan.target);
    auto first = SegmentName::containing(backup.start.timeline, backup.start.lsn, wal.segment_size());
    auto last = SegmentName::ending_at(backup.stop.timeline, backup.stop.lsn, wal.segment_size());
    if (backup.start.timeline == backup.stop.timeline && last.number >= first.number) {
      plan.wal.in_backup = WalPlan::Stretch{first.timeline, first.number, last.number};
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
        .with_hint("choose another place with --target DIR");
  }
  return {};
}

// ---- telling it

std::string describe_target(const ResolvedTarget& target) {
  const auto& recovery = target.recovery;
  switch (recovery.kind) {
    case RecoveryTarget::Kind::end_of_wal:
      return "the end of WAL";
    case RecoveryTarget::Kind::immediate:
      return target.asked ? format_utc(*target.asked) + ", which the backup's own end gives" : "the backup's own end";
    case RecoveryTarget::Kind::time:
      return format_utc(recovery.time);
    case RecoveryTarget::Kind::lsn:
      return target.asked ? fmt::format("{}, by position {}", format_utc(*target.asked), recovery.lsn.to_string())
                          : "position " + recovery.lsn.to_string();
    case RecoveryTarget::Kind::transaction:
      return "transaction " + recovery.transaction;
    case RecoveryTarget::Kind::name:
      return "restore point " + recovery.name;
  }
  return "";
}

namespace {

std::string with_local(Timestamp time, const TimeZone& zone) {
  if (zone.name() == "UTC") return format_utc(time);
  return fmt::format("{} ({})", format_utc(time), zone.format_local(time));
}

std::string fact(std::string_view name, const std::string& value) { return fmt::format("  {:<13} {}", name, value); }

void add_database_lines(const RestorePlan& plan, const TimeZone& zone, std::vector<std::string>& lines) {
  const auto& target = plan.target;
  lines.push_back(fact("recover to", describe_target(target)));
  lines.push_back(fact("state of", with_local(target.reached, zone)));
  if (target.last_commit) {
    lines.push_back(fact("last commit", fmt::format("{}, ending at {}", with_local(target.last_commit->time, zone),
                                                    target.last_commit->lsn.to_string())));
  }
  lines.push_back(fact("timeline", fmt::format("{}", target.recovery.timeline.value)));
  for (const auto& stretch : plan.wal.stretches) {
    SegmentName first{stretch.timeline, stretch.first};
    SegmentName last{stretch.timeline, stretch.last};
    lines.push_back(fact(
        "WAL", fmt::format("{} to {}", first.file_name(plan.wal.segment_size), last.file_name(plan.wal.segment_size))));
  }
  lines.push_back(fact("to replay", fmt::format("{} segments", plan.wal_segments)));
  lines.push_back(fact("checksums", target.backup.data_checksums ? "on" : "off"));
}

}  // namespace

std::vector<std::string> to_lines(const RestorePlan& plan, const TimeZone& zone) {
  std::vector<std::string> lines;
  const auto& backup = plan.target.backup;
  lines.push_back(fmt::format("plan {}: restore {} of cluster {} from {}", plan.id, to_string(plan.scope), plan.cluster,
                              plan.repository));
  lines.push_back(fact("backup", fmt::format("{}, ended {}", backup.label.text(), with_local(backup.stopped, zone))));
  if (backup.parent) lines.push_back(fact("based on", backup.parent->text()));
  if (plan.restores_database()) add_database_lines(plan, zone, lines);
  lines.push_back(fact("fetch", format_bytes(plan.fetch_bytes)));
  lines.push_back(fact("write", format_bytes(plan.write_bytes)));
  if (plan.restores_database()) lines.push_back(fact("target", plan.paths.data));
  if (plan.restores_files() && !backup.captured_sets.empty()) lines.push_back(fact("files", plan.paths.files));
  if (plan.restores_database()) {
    for (const auto& tablespace : plan.tablespaces) {
      lines.push_back(
          fact("tablespace", fmt::format("{} ({}) to {}", tablespace.oid, tablespace.source, tablespace.location)));
    }
  }
  for (const auto& need : plan.space) {
    lines.push_back(fact("space", fmt::format("{} needed, {} free in {}", format_bytes(need.needed),
                                              format_bytes(need.free), need.path)));
  }
  if (plan.restores_database()) lines.push_back(fact("ends", std::string(to_string(plan.ending))));
  for (const auto& warning : plan.warnings) lines.push_back(fact("warning", warning));
  return lines;
}

Json to_json(const RestorePlan& plan, const TimeZone& zone) {
  const auto& target = plan.target;
  const auto& backup = target.backup;
  Json json = Json::object();
  json.set("plan_id", plan.id)
      .set("scope", plan.scope == Scope::everything ? "everything"
                    : plan.scope == Scope::database ? "database"
                                                    : "files")
      .set("cluster", plan.cluster)
      .set("system_identifier", plan.system_identifier.to_string())
      .set("repository", plan.repository)
      .set("backup", backup.label.text())
      .set("parent", backup.parent ? Json(backup.parent->text()) : Json())
      .set("backup_stopped", format_utc(backup.stopped))
      .set("timeline", target.recovery.timeline.value)
      .set("target", describe_target(target))
      .set("asked", target.asked ? Json(format_utc(*target.asked)) : Json())
      .set("reached", format_utc(target.reached))
      .set("reached_local", zone.format_local(target.reached))
      .set("data_checksums", backup.data_checksums)
      .set("fetch_bytes", plan.fetch_bytes)
      .set("write_bytes", plan.write_bytes)
      .set("wal_segments", plan.wal_segments)
      .set("target_directory", plan.restores_database() ? Json(plan.paths.data) : Json())
      .set("files_directory", plan.restores_files() ? Json(plan.paths.files) : Json());
  Json commit;
  if (target.last_commit) {
    commit = Json::object();
    commit.set("time", format_utc(target.last_commit->time)).set("lsn", target.last_commit->lsn.to_string());
  }
  json.set("last_commit", std::move(commit));
  Json wal = Json::array();
  for (const auto& stretch : plan.wal.stretches) {
    Json entry = Json::object();
    entry.set("timeline", stretch.timeline.value)
        .set("first", SegmentName{stretch.timeline, stretch.first}.file_name(plan.wal.segment_size))
        .set("last", SegmentName{stretch.timeline, stretch.last}.file_name(plan.wal.segment_size));
    wal.push(std::move(entry));
  }
  json.set("wal", std::move(wal));
  Json tablespaces = Json::array();
  for (const auto& tablespace : plan.tablespaces) {
    Json entry = Json::object();
    entry.set("oid", tablespace.oid).set("source", tablespace.source).set("location", tablespace.location);
    tablespaces.push(std::move(entry));
  }
  json.set("tablespaces", std::move(tablespaces));
  Json space = Json::array();
  for (const auto& need : plan.space) {
    Json entry = Json::object();
    entry.set("path", need.path).set("needed", need.needed).set("free", need.free);
    space.push(std::move(entry));
  }
  json.set("space", std::move(space));
  Json warnings = Json::array();
  for (const auto& warning : plan.warnings) warnings.push(warning);
  json.set("warnings", std::move(warnings));
  return json;
}

}  // namespace spendsync::restore
