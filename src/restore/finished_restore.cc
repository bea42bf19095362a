#include "restore/finished_restore.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/time.h"
#include "postgres/control_file.h"

namespace spendsync::restore {
namespace {

std::string path_of(const RestorePlan& plan, const char* name) { return plan.paths.data + "/" + name; }

/// The last checkpoint of a server that has stopped: the next one to run makes another. "": it does not tell.
std::string last_checkpoint(const RestorePlan& plan) {
  auto read = postgres::read_control_file(plan.paths.data);
  if (!read || read->control.is_running_state()) return "";
  return fmt::format("{} {}", read->control.checkpoint.to_string(), format_utc(read->control.checkpoint_time));
}

/// Not recovered yet: the plan lies there for restore_command, and the first start takes backup_label away.
bool waits_for_its_first_start(const RestorePlan& plan) {
  auto wal = wal::read_wal_plan(path_of(plan, repository::kWalPlanFile));
  return wal && wal->plan_id == plan.id && exists(path_of(plan, "backup_label")) &&
         exists(path_of(plan, "recovery.signal")) && exists(path_of(plan, "global/pg_control"));
}

Result<bool> is_as_remembered(const RestorePlan& plan) {
  auto text = TRY(read_text_file(path_of(plan, repository::kFinishedFile)));
  auto json = TRY(Json::parse(text));
  auto id = TRY(json.text("plan_id"));
  auto checkpoint = TRY(json.text("checkpoint"));
  return id == plan.id && !checkpoint.empty() && checkpoint == last_checkpoint(plan);
}

}  // namespace

Result<void> remember_finished(const RestorePlan& plan) {
  Json json = Json::object();
  json.set("plan_id", plan.id).set("checkpoint", last_checkpoint(plan));
  return replace_file(path_of(plan, repository::kFinishedFile), as_bytes(json.dump() + "\n"), 0600);
}

bool is_finished(const RestorePlan& plan) {
  if (!plan.restores_database() || exists(path_of(plan, repository::kUnfinishedMarker)) ||
      exists(path_of(plan, "postmaster.pid"))) {
    return false;
  }
  if (plan.ending == Ending::before_recovery) return waits_for_its_first_start(plan);
  auto remembered = is_as_remembered(plan);
  return remembered && *remembered;
}

}  // namespace spendsync::restore
