// spendsync-backup expire [--dry-run] [--yes]
#include "cli/expire.h"

#include <fmt/format.h>

#include "cli/cluster_folders.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/expire_text.h"
#include "cli/host_name.h"
#include "retention/inventory.h"

namespace spendsync::cli {
namespace {

using repository::Repository;
using retention::Expiry;
using retention::Plan;

retention::Policy policy_of(const config::Config& config) {
  retention::Policy policy;
  policy.full = config.schedules.full.retention;
  policy.incremental = config.schedules.incremental.retention;
  policy.logs = config.schedules.transaction_logs.retention;
  policy.cap_percent = config.expire.deletion_cap_percent;
  return policy;
}

Result<Plan> plan_for(Repository& repository, const config::Config& config, std::stop_token stop) {
  const auto facts = TRY(retention::read_facts(repository, stop));
  return retention::make_plan(facts, policy_of(config));
}

Error over_cap(const Plan& plan, const config::Config& config) {
  return Error(
             ErrorKind::refused,
             fmt::format("{} of {} backups would go at once, more than expire.deletion_cap ({} %) allows; nothing was "
                         "changed",
                         plan.backups.size(), plan.listed, config.expire.deletion_cap_percent))
      .with_hint("look at `expire --dry-run`; if it is what you want: expire --yes");
}

class ExpireCommand {
 public:
  ExpireCommand(const Process& process, const ExpireOptions& options, Wiring& wiring)
      : process_(process), options_(options), wiring_(wiring) {}

  Result<int> run() {
    auto folders = TRY(open_cluster_folders(wiring_, std::nullopt));
    for (auto& folder : folders) {
      if (folder != folders.front()) process_.output.line("of " + describe_earlier(*folder) + ":");
      TRY(expire(*folder));
    }
    const int code = denied_ > 0 ? kIncomplete : kDone;
    Json summary;
    summary.set("dry_run", options_.dry_run).set("clusters", std::move(clusters_));
    process_.output.summary("expire", std::move(summary), code);
    return code;
  }

 private:
  Result<void> expire(Repository& repository) {
    const auto segment_size = repository.identity().wal_segment_size;
    const auto plan = TRY(plan_for(repository, wiring_.config(), process_.stop));
    print_plan(process_.output, plan,
               {.segment_size = segment_size, .dry_run = options_.dry_run, .with_kept = options_.dry_run});
    Json json;
    json.set("system_identifier", repository.identity().system_identifier.to_string());
    json.set("plan", to_json(plan, segment_size));
    if (options_.dry_run) {
      if (plan.over_cap) process_.output.line("warning: this is over expire.deletion_cap: it takes --yes");
    } else {
      if (plan.over_cap && !options_.yes) return over_cap(plan, wiring_.config());
      TRY(carry_out(repository, plan, json));
    }
    clusters_.push(std::move(json));
    return ok();
  }

  Result<void> carry_out(Repository& repository, const Plan& plan, Json& json) {
    if (plan.empty()) return ok();
    Expiry expiry(repository, host_name(), process_.stop);
    auto done = expiry.carry_out(plan);
    print_report(process_.output, expiry.report());
    denied_ += expiry.report().denied_total;
    json.set("report", to_json(expiry.report()));
    return done;
  }

  const Process& process_;
  const ExpireOptions& options_;
  Wiring& wiring_;
  Json clusters_ = Json::array();
  uint64_t denied_ = 0;
};

Result<Json> expire_quietly(const Process& process, Wiring& wiring) {
  auto repository = TRY(wiring.open_repository());
  const auto plan = TRY(plan_for(*repository, wiring.config(), process.stop));
  for (const auto& warning : plan.warnings) process.output.remark("retention: " + warning);
  if (plan.empty()) return Json().set("status", "nothing to expire");
  if (plan.over_cap) return over_cap(plan, wiring.config());
  Expiry expiry(*repository, host_name(), process.stop);
  TRY(expiry.carry_out(plan));
  const auto& report = expiry.report();
  process.output.remark(fmt::format("retention: expired {} backup(s), {} log record(s), {} WAL segment(s)",
                                    report.backups, report.logs, report.segments));
  for (const auto& line : report.yielded) process.output.remark("retention: " + line);
  if (report.denied_total > 0) {
    process.output.remark(
        fmt::format("retention: {} object(s) may not be removed, as {}", report.denied_total, report.denied.front()));
  }
  return to_json(report).set("status", "done");
}

}  // namespace

Result<int> run_expire(const Process& process, const ExpireOptions& options) {
  auto wiring = TRY(Wiring::open(process, Wiring::Access::writes));
  return ExpireCommand(process, options, *wiring).run();
}

Json expire_after_backup(const Process& process, Wiring& wiring) {
  if (!wiring.config().expire.automatic) return Json().set("status", "not automatic");
  auto done = expire_quietly(process, wiring);
  if (done) return *std::move(done);
  const auto& error = done.error();
  process.output.line("warning: the backup is done, but retention was not applied: " + error.message());
  if (!error.hint().empty()) process.output.remark("hint: " + error.hint());
  return Json().set("status", "failed").set("error", error.message());
}

}  // namespace spendsync::cli
