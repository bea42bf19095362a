#include "restore/finished_restore.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "base/time.h"
#include "postgres/control_file.h"

namespace spendsync::restore {
namespace {

constexpr size_t kManifestMax = 1u << 30;  // 150 bytes a file

std::string path_of(const RestorePlan& plan, const char* name) { return plan.paths.data + "/" + name; }

/// The last checkpoint of a server that has stopped: the next one to run makes another. "": it does not tell.
std::string last_checkpoint(const RestorePlan& plan) {
  auto read = postgres::read_control_file(plan.paths.data);
  if (!read || read->control.is_running_state()) return "";
  return fmt::format("{} {}", read->control.checkpoint.to_string(), format_utc(read->control.checkpoint_time));
}

/// Files in the top directory are left out of account: settings may be changed before the first start. What cannot be
/// read counts as its directory alone.
Json count_below(const std::string& top) {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  std::error_code failed;
  using Walk = std::filesystem::recursive_directory_iterator;
  for (Walk walk(top, std::filesystem::directory_options::skip_permission_denied, failed); !failed && walk != Walk();
       walk.increment(failed)) {
    struct stat status {};
    if (::lstat(walk->path().c_str(), &status) != 0) continue;
    bool file = S_ISREG(status.st_mode);
    if (file && walk.depth() == 0) continue;
    ++entries;
    if (file) bytes += static_cast<uint64_t>(status.st_size);
  }
  Json json = Json::object();
  json.set("there", exists(top)).set("entries", entries).set("bytes", bytes);
  return json;
}

/// Each directory that the restore has written, with what lies below: of a result of which a part was deleted since,
/// nothing must be believed.
Json extent_of(const RestorePlan& plan) {
  const auto& backup = plan.target.backup;
  Json json = Json::object();
  json.set(plan.paths.data, count_below(plan.paths.data));
  for (const auto& tablespace : plan.tablespaces) {
    auto directory = fmt::format("{}/PG_{}_{}", tablespace.location, backup.major_version, backup.catalog_version);
    json.set(directory, count_below(directory));
  }
  if (plan.restores_files()) json.set(plan.paths.files, count_below(plan.paths.files));
  return json;
}

bool captured_files_are_there(const RestorePlan& plan) {
  if (!plan.restores_files() || plan.target.backup.captured_sets.empty()) return true;
  auto names = list_directory(plan.paths.files);
  return names && !names->empty();
}

/// Every file below the top directory that the restore has listed for pg_verifybackup, with its size.
Result<bool> holds_its_manifest(const RestorePlan& plan) {
  auto text = TRY(read_text_file(path_of(plan, "backup_manifest"), kManifestMax));
  auto json = TRY(Json::parse(text));
  const auto* files = TRY(json.array_of("Files"));
  for (const auto& file : *files) {
    const auto* path = file.find("Path");  // none: its name is no text, and stands there in hexadecimal digits
    if (path == nullptr) continue;
    auto name = TRY(file.text("Path"));
    if (name.find('/') == std::string::npos) continue;
    uint64_t size = TRY(file.unsigned_integer("Size"));
    struct stat status {};
    if (::lstat(path_of(plan, name.c_str()).c_str(), &status) != 0) return false;
    if (static_cast<uint64_t>(status.st_size) != size) return false;
  }
  return true;
}

/// Not recovered yet: the plan lies there for restore_command, and the first start takes backup_label away. A file of
/// our own with what lies there would be one that pg_verifybackup does not know.
Result<bool> waits_for_its_first_start(const RestorePlan& plan) {
  auto wal = TRY(wal::read_wal_plan(path_of(plan, repository::kWalPlanFile)));
  bool begins = wal.plan_id == plan.id && exists(path_of(plan, "backup_label")) &&
                exists(path_of(plan, "recovery.signal")) && exists(path_of(plan, "global/pg_control"));
  return begins && captured_files_are_there(plan) ? holds_its_manifest(plan) : false;
}

Result<bool> is_as_remembered(const RestorePlan& plan) {
  auto text = TRY(read_text_file(path_of(plan, repository::kFinishedFile)));
  auto json = TRY(Json::parse(text));
  auto id = TRY(json.text("plan_id"));
  auto checkpoint = TRY(json.text("checkpoint"));
  const auto* extent = json.find("extent");
  return id == plan.id && !checkpoint.empty() && checkpoint == last_checkpoint(plan) && extent != nullptr &&
         extent->dump() == extent_of(plan).dump();
}

}  // namespace

Result<void> remember_finished(const RestorePlan& plan) {
  Json json = Json::object();
  json.set("plan_id", plan.id).set("checkpoint", last_checkpoint(plan)).set("extent", extent_of(plan));
  return replace_file(path_of(plan, repository::kFinishedFile), as_bytes(json.dump() + "\n"), 0600);
}

bool is_finished(const RestorePlan& plan) {
  if (!plan.restores_database() || exists(path_of(plan, repository::kUnfinishedMarker)) ||
      exists(path_of(plan, "postmaster.pid"))) {
    return false;
  }
  auto found = plan.ending == Ending::before_recovery ? waits_for_its_first_start(plan) : is_as_remembered(plan);
  return found && *found;
}

}  // namespace spendsync::restore
