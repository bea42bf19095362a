// A plan as people and programs read it.
#include <fmt/format.h>

#include "restore/plan.h"

namespace spendsync::restore {

using postgres::RecoveryTarget;

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
                          : fmt::format("position {}{}", recovery.lsn.to_string(),
                                        recovery.inclusive ? "" : ", before the record there");
    case RecoveryTarget::Kind::transaction:
      return "transaction " + recovery.transaction;
    case RecoveryTarget::Kind::name:
      return "restore point " + recovery.name;
  }
  return "";
}

namespace {

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

/// In place, what ran before runs again.
std::string ending_of(const RestorePlan& plan) {
  if (plan.in_place && plan.ending == Ending::stopped) return "recovered; started again if the server ran before";
  return std::string(to_string(plan.ending));
}

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
  for (const auto& run : plan.wal.runs) {
    lines.push_back(fact("WAL", fmt::format("{} to {}", run.first.file_name(plan.wal.segment_size),
                                            run.last.file_name(plan.wal.segment_size))));
  }
  lines.push_back(
      fact("to replay", fmt::format("{} WAL segment{}", plan.wal_segments, plan.wal_segments == 1 ? "" : "s")));
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
  lines.push_back(
      fact("of server", fmt::format("{}, PostgreSQL {}", plan.system_identifier.to_string(), backup.server_version)));
  if (plan.restores_database()) add_database_lines(plan, zone, lines);
  const char* kept = backup.parent ? ", and from the full what has not changed since" : "";
  lines.push_back(fact("fetch", format_bytes(plan.fetch_bytes) + kept));
  lines.push_back(fact("write", format_bytes(plan.write_bytes)));
  if (plan.restores_database()) lines.push_back(fact("target", plan.paths.data));
  if (plan.restores_files() && !backup.captured_sets.empty()) {
    lines.push_back(
        fact("files", plan.in_place ? "back to their places, by way of " + plan.paths.files : plan.paths.files));
  }
  if (plan.restores_database()) {
    for (const auto& tablespace : plan.tablespaces) {
      lines.push_back(
          fact("tablespace", fmt::format("{} ({}) to {}", tablespace.oid, tablespace.source, tablespace.location)));
    }
  }
  for (const auto& tablespace : plan.new_tablespaces) {
    lines.push_back(fact("tablespace", fmt::format("{} made by replay in {}: what lies there is moved aside",
                                                   tablespace.oid, tablespace.location)));
  }
  for (const auto& need : plan.space) {
    lines.push_back(fact("space", fmt::format("{} needed, {} free in {}", format_bytes(need.needed),
                                              format_bytes(need.free), need.path)));
  }
  if (plan.existing == Existing::rewritten) {
    lines.push_back(fact("existing", plan.paths.data + " is rewritten where it differs from the backup"));
  }
  if (plan.existing == Existing::moved_aside) {
    lines.push_back(fact("kept", fmt::format("the old {0} becomes {0}.before-<time>", plan.paths.data)));
  }
  if (plan.restores_database()) lines.push_back(fact("ends", ending_of(plan)));
  for (const auto& warning : plan.warnings) lines.push_back(fact("warning", warning));
  return lines;
}

Json to_json(const RestorePlan& plan, const TimeZone& zone) {
  const auto& target = plan.target;
  const auto& backup = target.backup;
  Json json = Json::object();
  json.set("plan_id", plan.id)
      .set("in_place", plan.in_place)
      .set("delta", plan.existing == Existing::rewritten)
      .set("scope", plan.scope == Scope::everything ? "everything"
                    : plan.scope == Scope::database ? "database"
                                                    : "files")
      .set("cluster", plan.cluster)
      .set("system_identifier", plan.system_identifier.to_string())
      .set("server_version", backup.server_version)
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
  for (const auto& run : plan.wal.runs) {
    Json entry = Json::object();
    entry.set("timeline", run.first.timeline.value)
        .set("first", run.first.file_name(plan.wal.segment_size))
        .set("last", run.last.file_name(plan.wal.segment_size));
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
  Json made = Json::array();
  for (const auto& tablespace : plan.new_tablespaces) {
    Json entry = Json::object();
    entry.set("oid", tablespace.oid).set("location", tablespace.location);
    made.push(entry.set("position", tablespace.position.to_string()));
  }
  json.set("new_tablespaces", std::move(made));
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
