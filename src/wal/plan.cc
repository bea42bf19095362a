#include "wal/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"

namespace spendsync::wal {

namespace {

constexpr uint64_t kVersion = 1;

bool holds(const WalPlan::Stretch& stretch, SegmentName name) {
  return stretch.timeline == name.timeline && stretch.first <= name.number && name.number <= stretch.last;
}

Json stretch_json(const WalPlan::Stretch& stretch) {
  Json json = Json::object();
  json.set("timeline", stretch.timeline.value).set("first", stretch.first).set("last", stretch.last);
  return json;
}

Result<TimelineId> timeline_of(uint64_t value) {
  if (value == 0 || value > UINT32_MAX) return Error(ErrorKind::corrupt, fmt::format("{} is no timeline", value));
  return TimelineId{static_cast<uint32_t>(value)};
}

Result<WalPlan::Stretch> parse_stretch(const Json& json, uint64_t segment_size) {
  WalPlan::Stretch stretch;
  uint64_t timeline = TRY(json.unsigned_integer("timeline"));
  stretch.timeline = TRY(timeline_of(timeline));
  stretch.first = TRY(json.unsigned_integer("first"));
  stretch.last = TRY(json.unsigned_integer("last"));
  if (stretch.last < stretch.first) return Error(ErrorKind::corrupt, "a stretch of WAL ends before it begins");
  if (stretch.last >= UINT64_MAX / segment_size) {
    return Error(ErrorKind::corrupt,
                 fmt::format("a stretch of WAL ends with segment {}, past every LSN", stretch.last));
  }
  return stretch;
}

}  // namespace

bool WalPlan::contains(SegmentName name) const {
  return std::ranges::any_of(stretches, [&](const Stretch& stretch) { return holds(stretch, name); });
}

bool WalPlan::has_history(TimelineId timeline) const {
  return std::ranges::find(histories, timeline) != histories.end();
}

std::vector<SegmentName> WalPlan::segments() const {
  std::vector<SegmentName> names;
  for (const auto& stretch : stretches) {
    for (uint64_t number = stretch.first; number <= stretch.last; ++number) names.push_back({stretch.timeline, number});
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
  Json stretches = Json::array();
  for (const auto& stretch : plan.stretches) stretches.push(stretch_json(stretch));
  json.set("stretches", std::move(stretches));
  if (plan.in_backup) json.set("in_backup", stretch_json(*plan.in_backup));
  Json histories = Json::array();
  for (TimelineId timeline : plan.histories) {
    Json entry = Json::object();
    entry.set("timeline", timeline.value);
    histories.push(std::move(entry));
  }
  json.set("histories", std::move(histories));
  if (plan.partial) json.set("partial", stretch_json(*plan.partial));
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
  const auto* stretches = TRY(json.array_of("stretches"));
  for (const auto& entry : *stretches) {
    auto stretch = TRY(parse_stretch(entry, segment_size));
    plan.stretches.push_back(stretch);
  }
  if (const auto* in_backup = json.find("in_backup")) plan.in_backup = TRY(parse_stretch(*in_backup, segment_size));
  const auto* histories = TRY(json.array_of("histories"));
  for (const auto& entry : *histories) {
    uint64_t value = TRY(entry.unsigned_integer("timeline"));
    auto timeline = TRY(timeline_of(value));
    plan.histories.push_back(timeline);
  }
  if (const auto* partial = json.find("partial")) plan.partial = TRY(parse_stretch(*partial, segment_size));
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
