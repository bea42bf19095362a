#include "repository/marks.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "repository/manifest.h"
#include "repository/record_json.h"

namespace spendsync::repository {

using storage::ObjectKey;

namespace {

constexpr uint64_t kMarkMax = 64u << 10;

std::string tombstone_text(Repository& repository, const std::string& key, const std::string& reason) {
  auto json = Json::object();
  json.set("key", key).set("reason", valid_text(reason)).set("created", format_utc(repository.clock().now()));
  return json.dump();
}

Result<bool> is_there(Repository& repository, const ObjectKey& key) {
  auto info = repository.store().stat(key);
  if (info) return true;
  if (info.error().is(ErrorKind::not_found)) return false;
  return std::move(info).error();
}

/// A mark whose content tells only when and why: one that is there already does as well.
Result<void> put_mark(Repository& repository, ObjectType type, const ObjectKey& key, const std::string& content) {
  const auto meta_key = TRY(identity_key(repository));
  auto put = repository.put_document({type, key, as_bytes(content)}, meta_key);
  if (put || put.error().is(ErrorKind::conflict)) return ok();
  return std::move(put).error();
}

Result<void> unpin(Repository& repository, const ObjectKey& pin) {
  TRY(put_tombstone(repository, pin, "unpinned"));
  return repository.store().remove(pin);
}

Pin unreadable_pin(RunId id, const Error& error) {
  return {id, "the pin cannot be read (" + error.message() + ")", "", Timestamp{}};
}

Result<Pin> parse_pin(RunId id, ByteView content) {
  auto json = TRY(parse_object(content));
  Pin pin;
  pin.id = id;
  pin.reason = TRY(json.text("reason"));
  pin.host = TRY(json.text("host"));
  pin.created = TRY(read_time(json, "created"));
  return pin;
}

}  // namespace

Result<crypto::DataKeyPtr> identity_key(Repository& repository) {
  constexpr uint64_t kIdentityMax = 64u << 10;
  const auto object = repository.layout().identity();
  const auto bytes = TRY(repository.store().get(object, kIdentityMax));
  return repository.key_of(bytes, object);
}

Result<void> put_tombstone(Repository& repository, const ObjectKey& expired, const std::string& reason) {
  return put_mark(repository, ObjectType::tombstone, repository.layout().tombstone(expired),
                  tombstone_text(repository, expired.text(), reason));
}

Result<void> put_wal_tombstone(Repository& repository, const SegmentRun& run, const std::string& reason) {
  const auto size = repository.identity().wal_segment_size;
  const auto& layout = repository.layout();
  const std::string key = layout.segment(run.first, size).text() + "-" + run.last.file_name(size);
  return put_mark(repository, ObjectType::tombstone, layout.wal_tombstone(run.first, run.last, size),
                  tombstone_text(repository, key, reason));
}

Result<std::vector<SegmentRun>> read_wal_tombstones(Repository& repository, std::stop_token stop) {
  constexpr size_t kDigits = 24;
  const auto size = repository.identity().wal_segment_size;
  std::vector<std::pair<ObjectKey, SegmentRun>> named;
  TRY(repository.store().list(repository.layout().tombstones_prefix() + "wal/", "",
                              [&](const storage::ObjectInfo& info) {
                                const std::string_view text = info.key.text();
                                const auto name = text.substr(text.rfind('/') + 1);
                                if (name.size() != 2 * kDigits + 1 || name[kDigits] != '-') return ok();
                                auto first = SegmentName::parse(name.substr(0, kDigits), size);
                                auto last = SegmentName::parse(name.substr(kDigits + 1), size);
                                if (first && last) named.emplace_back(info.key, SegmentRun{*first, *last});
                                return ok();
                              }));
  std::vector<SegmentRun> runs;
  for (const auto& [key, run] : named) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    auto opened = repository.get_document(ObjectType::tombstone, key, kMarkMax);
    if (opened) runs.push_back(run);
    const bool proves_nothing =
        !opened && (opened.error().is(ErrorKind::corrupt) || opened.error().is(ErrorKind::refused) ||
                    opened.error().is(ErrorKind::not_found));
    if (!opened && !proves_nothing) return std::move(opened).error();
  }
  return runs;
}

Error explain_missing(Repository& repository, const Label& label, Error why) {
  if (!why.is(ErrorKind::not_found)) return why;
  auto expired = repository.is_tombstoned(repository.layout().manifest(label));
  if (!expired || !*expired) return why;
  return Error(ErrorKind::not_found, fmt::format("{} was expired meanwhile ({})", label.text(), why.message()))
      .with_hint("spendsync-backup list shows the backups that are there");
}

Result<bool> collect_run(Repository& repository, const Label& label, const std::string& reason) {
  const auto key = repository.layout().manifest(label);
  const auto content = tombstone_text(repository, key.text(), reason);
  const auto meta_key = TRY(identity_key(repository));
  auto put = repository.put_document({ObjectType::tombstone, key, as_bytes(content)}, meta_key);
  if (put) return true;
  if (repository.get_document(ObjectType::tombstone, key, kMarkMax)) return true;  // of an earlier expiry
  auto there = TRY(is_there(repository, key));
  if (there) return false;
  return std::move(put).error();
}

Result<void> mark_expiring(Repository& repository, const Label& label, const std::string& host) {
  auto json = Json::object();
  json.set("created", format_utc(repository.clock().now())).set("host", valid_text(host));
  return put_mark(repository, ObjectType::expiring, repository.layout().expiring(label), json.dump());
}

Result<void> pin_backup(Repository& repository, const Label& label, const std::string& reason,
                        const std::string& host) {
  const auto& layout = repository.layout();
  auto manifest = repository.store().stat(layout.manifest(label));
  if (!manifest && manifest.error().is(ErrorKind::not_found)) {
    return Error(ErrorKind::not_found, "there is no backup " + label.text()).with_hint("`list` shows what there is");
  }
  const auto info = TRY(std::move(manifest));
  TRY(read_manifest_summary(repository, label, info.size));
  auto json = Json::object();
  json.set("reason", valid_text(reason)).set("created", format_utc(repository.clock().now()));
  json.set("host", valid_text(host));
  const auto id = RunId::random(repository.random());
  TRY(put_mark(repository, ObjectType::pin, layout.pin(label, id), json.dump()));
  const bool expiring = TRY(is_there(repository, layout.expiring(label)));
  if (!expiring) return ok();
  TRY(unpin(repository, layout.pin(label, id)));
  return Error(ErrorKind::refused, "the expiry of " + label.text() + " has begun: a pin comes too late")
      .with_hint("restore what you need of it now, or pin another backup");
}

Result<size_t> unpin_backup(Repository& repository, const Label& label) {
  const auto pins = TRY(read_pins(repository, label));
  for (const auto& pin : pins) {
    const auto key = repository.layout().pin(label, pin.id);
    TRY(unpin(repository, key));
  }
  return pins.size();
}

Result<std::vector<Pin>> read_pins(Repository& repository, const Label& label) {
  const auto prefix = repository.layout().pins_prefix(label);
  std::vector<RunId> ids;
  TRY(repository.store().list(prefix, "", [&](const storage::ObjectInfo& info) -> Result<void> {
    auto id = RunId::parse(std::string_view(info.key.text()).substr(prefix.size()));
    if (id) ids.push_back(*id);
    return ok();
  }));
  std::vector<Pin> pins;
  for (const auto id : ids) {
    const auto key = repository.layout().pin(label, id);
    const bool retired = TRY(repository.is_tombstoned(key));
    if (retired) continue;
    auto content = repository.get_document(ObjectType::pin, key, kMarkMax);
    if (!content && content.error().is(ErrorKind::not_found)) continue;  // unpinned since the listing
    auto pin = content ? parse_pin(id, *content) : Result<Pin>(content.error());
    pins.push_back(pin ? *pin : unreadable_pin(id, pin.error()));
  }
  std::sort(pins.begin(), pins.end(), [](const Pin& a, const Pin& b) { return a.created < b.created; });
  return pins;
}

}  // namespace spendsync::repository
