#include "wal/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace spendsync::wal {

namespace {

constexpr uint64_t kVersion = 1;

Json run_json(const SegmentRun& run) {
  Json json = Json::object();
  json.set("timeline", run.first.timeline.value).set("first", run.first.number).set("last", run.last.number);
  return json;
}

Result<TimelineId> timeline_of(uint64_t value) {
  if (value == 0 || value > UINT32_MAX) return Error(ErrorKind::corrupt, fmt::format("{} is no timeline", value));
  return TimelineId{static_cast<uint32_t>(value)};
}

Result<SegmentRun> parse_run(const Json& json, uint64_t segment_size) {
  uint64_t number = TRY(json.unsigned_integer("timeline"));
  auto timeline = TRY(timeline_of(number));
  uint64_t first = TRY(json.unsigned_integer("first"));
  uint64_t last = TRY(json.unsigned_integer("last"));
  if (last < first) return Error(ErrorKind::corrupt, "a run of segments ends before it begins");
  if (last >= UINT64_MAX / segment_size) {
    return Error(ErrorKind::corrupt, fmt::format("a run of segments ends with segment {}, past every LSN", last));
  }
  return SegmentRun{{timeline, first}, {timeline, last}};
}

}  // namespace

bool WalPlan::contains(SegmentName name) const {
  return std::ranges::any_of(runs, [&](const SegmentRun& run) { return run.contains(name); });
}

bool WalPlan::has_history(TimelineId timeline) const {
  return std::ranges::find(histories, timeline) != histories.end();
}

std::vector<SegmentName> WalPlan::segments() const {
  std::vector<SegmentName> names;
  for (const auto& run : runs) {
    for (SegmentName name = run.first; name <= run.last; name = name.next()) names.push_back(name);
  }
  return names;
}

Json to_json(const WalPlan& plan) {
  Json json = Json::object();
  json.set("version", kVersion)
      .set("plan_id", plan.plan_id)
      .set("cluster", plan.cluster)
      .set("system_identifier", plan.system_identifier.to_string())
      .set("segment_size", plan.segment_size);
  Json runs = Json::array();
  for (const auto& run : plan.runs) runs.push(run_json(run));
  json.set("stretches", std::move(runs));
  if (plan.in_backup) json.set("in_backup", run_json(*plan.in_backup));
  Json histories = Json::array();
  for (TimelineId timeline : plan.histories) {
    Json entry = Json::object();
    entry.set("timeline", timeline.value);
    histories.push(std::move(entry));
  }
  json.set("histories", std::move(histories));
  if (plan.partial) json.set("partial", run_json(*plan.partial));
  json.set("window", plan.window);
  if (!plan.aside.empty()) json.set("aside", plan.aside);
  return json;
}

Result<WalPlan> parse_wal_plan(std::string_view text) {
  auto json = TRY(Json::parse(text));
  uint64_t version = TRY(json.unsigned_integer("version"));
  if (version != kVersion) return Error(ErrorKind::unsupported, fmt::format("the plan has version {}", version));
  WalPlan plan;
  plan.plan_id = TRY(json.text("plan_id"));
  plan.cluster = TRY(json.text("cluster"));
  auto identifier = TRY(json.text("system_identifier"));
  plan.system_identifier = TRY(SystemIdentifier::parse(identifier));
  uint64_t segment_size = TRY(json.unsigned_integer("segment_size"));
  bool possible = segment_size >= (1u << 20) && segment_size <= (1u << 30) && (segment_size & (segment_size - 1)) == 0;
  if (!possible) return Error(ErrorKind::corrupt, fmt::format("{} is no WAL segment size", segment_size));
  plan.segment_size = static_cast<uint32_t>(segment_size);
  const auto* runs = TRY(json.array_of("stretches"));
  for (const auto& entry : *runs) {
    auto run = TRY(parse_run(entry, segment_size));
    plan.runs.push_back(run);
  }
  if (const auto* in_backup = json.find("in_backup")) plan.in_backup = TRY(parse_run(*in_backup, segment_size));
  const auto* histories = TRY(json.array_of("histories"));
  for (const auto& entry : *histories) {
    uint64_t value = TRY(entry.unsigned_integer("timeline"));
    auto timeline = TRY(timeline_of(value));
    plan.histories.push_back(timeline);
  }
  if (const auto* partial = json.find("partial")) plan.partial = TRY(parse_run(*partial, segment_size));
  plan.window = TRY(json.text("window"));
  if (json.find("aside") != nullptr) plan.aside = TRY(json.text("aside"));
  return plan;
}

Result<WalPlan> read_wal_plan(const std::string& path) {
  auto text = TRY(read_text_file(path));
  auto plan = parse_wal_plan(text);
  if (!plan) return std::move(plan).error().with_context("reading the restore plan " + path);
  return plan;
}

}  // namespace spendsync::wal
