#include "repository/interrupted_run.h"

#include <algorithm>

#include "base/json.h"
#include "base/time.h"
#include "repository/manifest_json.h"
#include "repository/record_json.h"
#include "repository/sent_frames.h"

namespace spendsync::repository {

std::string encode_run_start(const RunStart& start) {
  auto json = Json::object();
  json.set("label", start.label.text());
  json.set("run", start.run.to_string());
  json.set("host", valid_text(start.host));
  json.set("tool_version", valid_text(start.tool_version));
  json.set("created", format_utc(start.created));
  json.set("parent", start.parent ? Json(start.parent->text()) : Json());
  json.set("keys", keys_json(start.keys));
  return json.dump();
}

Result<RunStart> parse_run_start(ByteView text) {
  auto json = TRY(parse_object(text));
  RunStart start;
  start.label = TRY(read_label(json, "label"));
  auto run = TRY(json.text("run"));
  auto parsed = RunId::parse(run);
  if (!parsed) return Error(ErrorKind::corrupt, "member 'run' is no run id");
  start.run = *parsed;
  start.host = TRY(json.text("host"));
  start.tool_version = TRY(json.text("tool_version"));
  start.created = TRY(read_time(json, "created"));
  auto parent = TRY(read_optional_text(json, "parent"));
  if (parent) start.parent = TRY(read_label(json, "parent"));
  start.keys = TRY(read_keys(json));
  return start;
}

Result<std::vector<Label>> find_interrupted(Repository& repository, BackupType type, std::chrono::seconds max_age,
                                            std::stop_token stop) {
  std::vector<Label> found;
  const auto oldest = repository.clock().now() - max_age;
  auto names = TRY(repository.store().list_level(repository.layout().backups_prefix()));
  for (std::string_view name : names) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    if (!name.ends_with('/')) continue;
    auto label = Label::parse(name.substr(0, name.size() - 1));
    if (!label || label->type() != type || label->start() < oldest) continue;
    auto manifest = repository.store().stat(repository.layout().manifest(*label));
    if (manifest) continue;
    if (!manifest.error().is(ErrorKind::not_found)) return std::move(manifest).error();
    auto expired = repository.store().stat(repository.layout().tombstone(repository.layout().manifest(*label)));
    if (expired) continue;
    if (!expired.error().is(ErrorKind::not_found)) return std::move(expired).error();
    found.push_back(*std::move(label));
  }
  std::sort(found.begin(), found.end(), [](const Label& a, const Label& b) { return b < a; });
  return found;
}

InterruptedRun::InterruptedRun() = default;
InterruptedRun::InterruptedRun(InterruptedRun&&) noexcept = default;
InterruptedRun& InterruptedRun::operator=(InterruptedRun&&) noexcept = default;
InterruptedRun::~InterruptedRun() = default;

Result<InterruptedRun> InterruptedRun::open(Repository& repository, const Label& label, std::stop_token stop) {
  constexpr uint64_t kStartedMax = 1u << 20;
  auto key = repository.layout().started(label);
  auto content = TRY_CONTEXT(repository.get_document(ObjectType::started, key, kStartedMax), "reading " + key.text());
  InterruptedRun run;
  run.start_ = TRY_CONTEXT(parse_run_start(content), key.text());
  if (run.start_.label != label) return Error(ErrorKind::corrupt, key.text() + " describes another run");
  const auto& keys = run.start_.keys;
  auto meta = std::find_if(keys.begin(), keys.end(),
                           [](const KeyRecord& record) { return record.key_class == crypto::KeyClass::meta; });
  if (meta == keys.end()) return Error(ErrorKind::corrupt, key.text() + " names no meta key");
  run.meta_key_ = *meta;
  run.sent_ = TRY(SentFrames::load(repository, label, meta->id, {}, stop));
  return run;
}

uint64_t InterruptedRun::packs() const { return sent_->found().packs; }
uint64_t InterruptedRun::stored_bytes() const { return sent_->found().stored_bytes; }
uint64_t InterruptedRun::raw_bytes() const { return sent_->found().raw_bytes; }

}  // namespace spendsync::repository
