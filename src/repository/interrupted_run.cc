#include "repository/interrupted_run.h"

#include <algorithm>
#include <set>

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
  if (start.lock) {
    auto lock = Json::object();
    lock.set("host", valid_text(start.lock->host));
    lock.set("data_directory", valid_text(start.lock->data_directory));
    lock.set("database", valid_text(start.lock->database));
    json.set("lock", std::move(lock));
  }
  return json.dump();
}

namespace {

Result<std::optional<LockDomain>> read_lock(const Json& json) {
  const auto* member = json.find("lock");
  if (member == nullptr) return std::optional<LockDomain>();
  LockDomain lock;
  lock.host = TRY(member->text("host"));
  lock.data_directory = TRY(member->text("data_directory"));
  lock.database = TRY(member->text("database"));
  return std::optional(std::move(lock));
}

}  // namespace

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
  start.lock = TRY(read_lock(json));
  return start;
}

std::string LockDomain::to_string() const { return host + ":" + data_directory + ", database " + database; }

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

namespace {

constexpr uint64_t kStartedMax = 1u << 20;

Result<RunStart> read_start(Repository& repository, const Label& label, const storage::ObjectKey& key) {
  auto content = TRY_CONTEXT(repository.get_document(ObjectType::started, key, kStartedMax), "reading " + key.text());
  auto start = TRY_CONTEXT(parse_run_start(content), key.text());
  if (start.label != label) return Error(ErrorKind::corrupt, key.text() + " describes another run");
  return start;
}

/// Of the run and of all that have taken it up.
Result<void> expect_present_keys(Repository& repository, const RunStart& start) {
  std::vector<storage::ObjectKey> later;
  TRY(repository.store().list(repository.layout().resumed_prefix(start.label), "",
                              [&](const storage::ObjectInfo& info) {
                                later.push_back(info.key);
                                return ok();
                              }));
  std::set<crypto::KeyId> keys;
  for (const auto& key : start.keys) keys.insert(key.id);
  for (const auto& object : later) {
    const auto resumed = TRY(read_start(repository, start.label, object));
    for (const auto& key : resumed.keys) keys.insert(key.id);
  }
  for (const auto& key : keys) {
    const auto why = TRY(repository.keys().why_outdated(key));
    if (!why.empty()) return Error(ErrorKind::refused, "its keys are not those of now: " + why);
  }
  return ok();
}

}  // namespace

Result<RunStart> read_run_start(Repository& repository, const Label& label) {
  return read_start(repository, label, repository.layout().started(label));
}

InterruptedRun::InterruptedRun() = default;
InterruptedRun::InterruptedRun(InterruptedRun&&) noexcept = default;
InterruptedRun& InterruptedRun::operator=(InterruptedRun&&) noexcept = default;
InterruptedRun::~InterruptedRun() = default;

Result<InterruptedRun> InterruptedRun::open(Repository& repository, const Label& label, std::stop_token stop) {
  auto key = repository.layout().started(label);
  InterruptedRun run;
  run.start_ = TRY(read_run_start(repository, label));
  const auto& keys = run.start_.keys;
  auto meta = std::find_if(keys.begin(), keys.end(),
                           [](const KeyRecord& record) { return record.key_class == crypto::KeyClass::meta; });
  if (meta == keys.end()) return Error(ErrorKind::corrupt, key.text() + " names no meta key");
  run.meta_key_ = *meta;
  TRY(expect_present_keys(repository, run.start_));
  run.sent_ = TRY(SentFrames::load(repository, label, meta->id, {}, stop));
  return run;
}

uint64_t InterruptedRun::packs() const { return sent_->found().packs; }
uint64_t InterruptedRun::stored_bytes() const { return sent_->found().stored_bytes; }

}  // namespace spendsync::repository
