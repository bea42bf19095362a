#include "repository/log_record.h"

#include "repository/catalog.h"
#include "repository/manifest_json.h"
#include "repository/record_json.h"
#include "repository/sealed_document.h"

namespace spendsync::repository {
namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kLogRecordMax = 16u << 20;

Json optional_json(const std::optional<std::string>& text) { return text ? Json(valid_text(*text)) : Json(); }

Result<void> read_ranges(const Json& json, LogRecord& record) {
  auto ranges = TRY(json.array_of("ranges"));
  for (const auto& element : *ranges) {
    WalRange range;
    range.timeline = TRY(read_timeline(element, "timeline"));
    range.from = TRY(read_lsn(element, "from"));
    range.to = TRY(read_lsn(element, "to"));
    if (range.from > range.to) return Error(ErrorKind::corrupt, "a range of the log record ends before it begins");
    record.ranges.push_back(range);
  }
  return ok();
}

}  // namespace

std::string encode_log_record(const LogRecord& record) {
  auto ranges = Json::array();
  for (const auto& range : record.ranges) {
    auto object = Json::object();
    object.set("timeline", range.timeline.value);
    object.set("from", range.from.to_string());
    object.set("to", range.to.to_string());
    ranges.push(std::move(object));
  }
  auto json = Json::object();
  json.set("version", kVersion);
  json.set("label", record.label.text());
  json.set("host", valid_text(record.host));
  json.set("tool_version", valid_text(record.tool_version));
  json.set("started", format_utc(record.started));
  json.set("finished", format_utc(record.finished));
  json.set("ranges", std::move(ranges));
  json.set("covered_until", format_utc(record.covered_until));
  json.set("first_commit", commit_json(record.first_commit));
  json.set("last_commit", commit_json(record.last_commit));
  json.set("segments", record.segments);
  json.set("stored_bytes", record.stored_bytes);
  json.set("gap", optional_json(record.gap));
  json.set("slot", valid_text(record.slot));
  json.set("slot_state", valid_text(record.slot_state));
  json.set("keys", keys_json(record.keys));
  json.set("chain", chain_json(record.chain));
  return json.dump();
}

Result<LogRecord> decode_log_record(ByteView text) {
  auto json = TRY(parse_object(text));
  auto version = TRY(json.unsigned_integer("version"));
  if (version > kVersion) return Error(ErrorKind::unsupported, "the log record has version " + std::to_string(version));
  LogRecord record;
  record.label = TRY(read_label(json, "label"));
  record.host = TRY(json.text("host"));
  record.tool_version = TRY(json.text("tool_version"));
  record.started = TRY(read_time(json, "started"));
  record.finished = TRY(read_time(json, "finished"));
  TRY(read_ranges(json, record));
  record.covered_until = TRY(read_time(json, "covered_until"));
  record.first_commit = TRY(read_commit(json, "first_commit"));
  record.last_commit = TRY(read_commit(json, "last_commit"));
  record.segments = TRY(json.unsigned_integer("segments"));
  record.stored_bytes = TRY(json.unsigned_integer("stored_bytes"));
  record.gap = TRY(read_optional_text(json, "gap"));
  record.slot = TRY(json.text("slot"));
  record.slot_state = TRY(json.text("slot_state"));
  record.keys = TRY(read_keys(json));
  record.chain = TRY(read_chain(json));
  return record;
}

Result<Label> put_log_record(Repository& repository, LogRecord record, std::stop_token stop) {
  auto catalog = TRY(Catalog::load(repository, stop));
  record.chain = TRY(next_link(repository, catalog, stop));
  auto keys = TRY(repository.keys().wal_keys());
  record.keys = {{keys.data->id, crypto::KeyClass::data, keys.data_wraps},
                 {keys.meta->id, crypto::KeyClass::meta, keys.meta_wraps}};
  constexpr int kLabelsTried = 3600;
  for (int i = 0; i < kLabelsTried; ++i, record.label = record.label.next()) {
    auto key = repository.layout().log(record.label);
    auto context = repository.seal_context(ObjectType::log, key);
    auto bytes = TRY(seal_document(context, keys.meta, repository.random(), as_bytes(encode_log_record(record))));
    auto put = repository.store().put_if_absent(key, bytes);
    if (!put && put.error().is(ErrorKind::already_exists)) {
      // A repeated put whose first answer was lost finds its own object; otherwise the second is another run's.
      auto present = repository.store().get(key, kLogRecordMax);
      if (!present || *present != bytes) continue;
      put = ok();
    }
    TRY_CONTEXT(std::move(put), "writing " + key.text());
    remember_newest_seen(repository, {record.chain.sequence, {key.text(), crypto::sha256(bytes)}});
    return record.label;
  }
  return Error(ErrorKind::conflict, "no free label for a log record from " + record.label.text() + " back an hour");
}

Result<LogRecord> get_log_record(Repository& repository, const Label& label) {
  auto key = repository.layout().log(label);
  auto bytes = TRY(repository.get_document(ObjectType::log, key, kLogRecordMax));
  auto record = TRY_CONTEXT(decode_log_record(bytes), key.text());
  if (record.label != label) return Error(ErrorKind::corrupt, key.text() + " describes " + record.label.text());
  return record;
}

}  // namespace spendsync::repository
