#include "jobs/expire.h"

#include <fmt/format.h>

#include "jobs/cluster_folders.h"
#include "jobs/host_name.h"
#include "retention/inventory.h"

namespace spendsync::jobs {
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

Result<void> expire_server(Repository& repository, const Wiring& wiring, const ExpireRequest& request,
                           ServerExpiry& server) {
  if (request.dry_run) return ok();
  if (server.plan.over_cap && !request.over_cap) return over_cap(server.plan, wiring.config());
  if (server.plan.empty()) return ok();
  Expiry expiry(repository, host_name(), wiring.context().stop);
  auto done = expiry.carry_out(server.plan);
  server.report = expiry.report();
  return done;
}

}  // namespace

uint64_t ExpireReport::denied() const {
  uint64_t denied = 0;
  for (const auto& server : servers) denied += server.report ? server.report->denied_total : 0;
  return denied;
}

Result<ExpireReport> expire(Wiring& wiring, const ExpireRequest& request) {
  auto folders = TRY(open_cluster_folders(wiring, std::nullopt));
  ExpireReport report{.dry_run = request.dry_run, .servers = {}};
  for (auto& folder : folders) {
    auto plan = plan_for(*folder, wiring.config(), wiring.context().stop);
    if (!plan && report.servers.empty()) return std::move(plan).error();
    if (!plan) {
      report.failure = std::move(plan).error().with_context("of " + describe_earlier(*folder));
      return report;
    }
    report.servers.push_back({.server = folder->identity().system_identifier,
                              .earlier = folder == folders.front() ? std::string() : describe_earlier(*folder),
                              .segment_size = folder->identity().wal_segment_size,
                              .plan = *std::move(plan)});
    if (request.planned) request.planned(report.servers.back());
    auto done = expire_server(*folder, wiring, request, report.servers.back());
    if (done) continue;
    report.failure = std::move(done).error();
    return report;
  }
  return report;
}

AutomaticExpiry expire_after_backup(Wiring& wiring) {
  AutomaticExpiry outcome;
  outcome.asked_for = wiring.config().expire.automatic;
  if (!outcome.asked_for) return outcome;
  auto done = [&]() -> Result<void> {
    auto repository = TRY(wiring.open_repository());
    outcome.plan = TRY(plan_for(*repository, wiring.config(), wiring.context().stop));
    if (outcome.plan->empty()) return ok();
    if (outcome.plan->over_cap) return over_cap(*outcome.plan, wiring.config());
    Expiry expiry(*repository, host_name(), wiring.context().stop);
    TRY(expiry.carry_out(*outcome.plan));
    outcome.report = expiry.report();
    return ok();
  }();
  if (!done) outcome.failure = std::move(done).error();
  return outcome;
}

}  // namespace spendsync::jobs
