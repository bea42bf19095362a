#include "fuzz/targets.h"
#include "wal/plan.h"

namespace spendsync::fuzz {
namespace {

bool reads(ByteView input) {
  const auto plan = wal::parse_wal_plan(as_text(input));
  if (!plan) return false;
  const auto again = wal::parse_wal_plan(wal::to_json(*plan).dump());
  require(again && *again == *plan, "a plan is written and read again the same");
  for (const auto& run : plan->runs) {
    require(plan->contains(run.last), "a run of segments is part of the plan");
    require(run.last.end(plan->segment_size) > run.first.start(plan->segment_size),
            "the end of a run is a position in WAL");
  }
  return true;
}

std::string sample() {
  wal::WalPlan plan;
  plan.plan_id = "20240315T120000Z-ab12";
  plan.cluster = "demo";
  plan.system_identifier = {7300000000000000001u};
  plan.segment_size = 16u << 20;
  plan.runs = {{{{1}, 2}, {{1}, 90}}, {{{2}, 90}, {{2}, 200}}};
  plan.in_backup = SegmentRun{{{1}, 2}, {{1}, 2}};
  plan.histories = {TimelineId{2}};
  plan.window = "/var/lib/x/window";
  return wal::to_json(plan).dump();
}

}  // namespace

Target wal_plan_target() {
  return {"wal_plan",
          reads,
          texts({sample()}),
          texts({"", "{}", "[]", "{\"version\":2}"}),
          {"null", "18446744073709551615"}};
}

}  // namespace spendsync::fuzz
