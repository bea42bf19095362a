#include "repository/manifest_json.h"

#include <algorithm>

#include "repository/record_json.h"

namespace spendsync::repository {
namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kPacksPerFrame = 4096;
constexpr size_t kStreamFramesPerObject = 65536;
constexpr size_t kFailureFilesMax = 100;
constexpr size_t kFailureBlocksMax = 100;

Json strings_json(const std::map<std::string, std::string>& strings) {
  auto object = Json::object();
  for (const auto& [name, value] : strings) object.set(valid_text(name), valid_text(value));
  return object;
}

Result<std::map<std::string, std::string>> read_strings(const Json& object, std::string_view name) {
  auto members = TRY(read_object(object, name));
  std::map<std::string, std::string> strings;
  for (const auto& [key, value] : *members->as_object()) {
    const auto* text = value.as_string();
    if (text == nullptr) return Error(ErrorKind::corrupt, "member '" + std::string(name) + "' holds more than texts");
    strings[key] = *text;
  }
  return strings;
}

Json failures_json(const std::vector<PageFailures>& failures) {
  auto array = Json::array();
  for (const auto& failure : failures) {
    if (array.as_array()->size() == kFailureFilesMax) break;
    auto blocks = Json::array();
    for (auto block : failure.blocks) {
      if (blocks.as_array()->size() == kFailureBlocksMax) break;
      blocks.push(block);
    }
    auto object = Json::object();
    object.set("path", bytes_json(failure.path));
    object.set("blocks", std::move(blocks));
    array.push(std::move(object));
  }
  return array;
}

/// An element that must be a number of 32 bits.
Result<uint64_t> element_number(const Json& element, uint64_t max) {
  auto wrapped = Json::object();
  wrapped.set("element", element);
  auto value = TRY(wrapped.unsigned_integer("element"));
  if (value > max) return Error(ErrorKind::corrupt, "a number is out of range");
  return value;
}

Result<std::vector<PageFailures>> read_failures(const Json& object) {
  auto array = TRY(object.array_of("page_failure_files"));
  std::vector<PageFailures> failures;
  for (const auto& element : *array) {
    PageFailures failure;
    failure.path = TRY(read_bytes(element, "path"));
    auto blocks = TRY(element.array_of("blocks"));
    for (const auto& block : *blocks) {
      auto number = TRY(element_number(block, UINT32_MAX));
      failure.blocks.push_back(static_cast<uint32_t>(number));
    }
    failures.push_back(std::move(failure));
  }
  return failures;
}

Json sets_json(const std::vector<CapturedSet>& sets) {
  auto array = Json::array();
  for (const auto& set : sets) {
    auto paths = Json::array();
    for (const auto& path : set.paths) paths.push(bytes_json(path));
    auto object = Json::object();
    object.set("number", set.number);
    object.set("name", valid_text(set.name));
    object.set("paths", std::move(paths));
    object.set("files", set.files);
    object.set("bytes", set.bytes);
    array.push(std::move(object));
  }
  return array;
}

Result<std::vector<CapturedSet>> read_sets(const Json& object) {
  auto array = TRY(object.array_of("captured_sets"));
  std::vector<CapturedSet> sets;
  for (const auto& element : *array) {
    CapturedSet set;
    set.number = TRY(read_u32(element, "number"));
    set.name = TRY(element.text("name"));
    auto paths = TRY(element.array_of("paths"));
    for (const auto& path : *paths) {
      auto bytes = TRY(parse_bytes(path));
      set.paths.push_back(std::move(bytes));
    }
    set.files = TRY(element.unsigned_integer("files"));
    set.bytes = TRY(element.unsigned_integer("bytes"));
    sets.push_back(std::move(set));
  }
  return sets;
}

Json tablespaces_json(const std::vector<TablespaceRecord>& tablespaces) {
  auto array = Json::array();
  for (const auto& tablespace : tablespaces) {
    auto object = Json::object();
    object.set("oid", tablespace.oid);
    object.set("location", bytes_json(tablespace.location));
    array.push(std::move(object));
  }
  return array;
}

Result<std::vector<TablespaceRecord>> read_tablespaces(const Json& object) {
  auto array = TRY(object.array_of("tablespaces"));
  std::vector<TablespaceRecord> tablespaces;
  for (const auto& element : *array) {
    TablespaceRecord tablespace;
    tablespace.oid = TRY(read_u32(element, "oid"));
    tablespace.location = TRY(read_bytes(element, "location"));
    tablespaces.push_back(std::move(tablespace));
  }
  return tablespaces;
}

void write_server(const ManifestSummary& summary, Json& json) {
  json.set("started", format_utc(summary.started));
  json.set("stopped", format_utc(summary.stopped));
  json.set("timeline", summary.start.timeline.value);
  json.set("start_lsn", summary.start.lsn.to_string());
  json.set("stop_timeline", summary.stop.timeline.value);
  json.set("stop_lsn", summary.stop.lsn.to_string());
  json.set("checkpoint_lsn", summary.checkpoint.to_string());
  json.set("system_identifier", summary.system_identifier.to_string());
  json.set("major_version", summary.major_version);
  json.set("catalog_version", summary.catalog_version);
  json.set("server_version", valid_text(summary.server_version));
  json.set("page_size", summary.page_size);
  json.set("data_checksums", summary.data_checksums);
  json.set("from_standby", summary.from_standby);
  json.set("server_settings", strings_json(summary.server_settings));
}

Result<void> read_server(const Json& json, ManifestSummary& summary) {
  summary.started = TRY(read_time(json, "started"));
  summary.stopped = TRY(read_time(json, "stopped"));
  summary.start.timeline = TRY(read_timeline(json, "timeline"));
  summary.start.lsn = TRY(read_lsn(json, "start_lsn"));
  summary.stop.timeline = TRY(read_timeline(json, "stop_timeline"));
  summary.stop.lsn = TRY(read_lsn(json, "stop_lsn"));
  summary.checkpoint = TRY(read_lsn(json, "checkpoint_lsn"));
  summary.system_identifier = TRY(read_system_identifier(json, "system_identifier"));
  auto major_version = TRY(read_u32(json, "major_version"));
  if (major_version > INT32_MAX) return Error(ErrorKind::corrupt, "member 'major_version' is out of range");
  summary.major_version = static_cast<int>(major_version);
  summary.catalog_version = TRY(read_u32(json, "catalog_version"));
  summary.server_version = TRY(json.text("server_version"));
  summary.page_size = TRY(read_u32(json, "page_size"));
  summary.data_checksums = TRY(json.boolean("data_checksums"));
  summary.from_standby = TRY(json.boolean("from_standby"));
  summary.server_settings = TRY(read_strings(json, "server_settings"));
  return ok();
}

void write_content(const ManifestSummary& summary, Json& json) {
  json.set("page_failures", summary.page_failures);
  json.set("page_failure_files", failures_json(summary.page_failure_files));
  json.set("captured_sets", sets_json(summary.captured_sets));
  json.set("tablespaces", tablespaces_json(summary.tablespaces));
  json.set("incomplete", texts_json(summary.incomplete));
  json.set("notes", strings_json(summary.notes));
  json.set("host", valid_text(summary.host));
  json.set("tool_version", valid_text(summary.tool_version));
  json.set("keys", keys_json(summary.keys));
  json.set("files", summary.files);
  json.set("entries", summary.entries);
  json.set("source_bytes", summary.source_bytes);
  json.set("stored_bytes", summary.stored_bytes);
  json.set("packs", summary.packs);
  json.set("body_bytes", summary.body_bytes);
}

Result<void> read_content(const Json& json, ManifestSummary& summary) {
  summary.page_failures = TRY(json.unsigned_integer("page_failures"));
  summary.page_failure_files = TRY(read_failures(json));
  summary.captured_sets = TRY(read_sets(json));
  summary.tablespaces = TRY(read_tablespaces(json));
  summary.incomplete = TRY(read_texts(json, "incomplete"));
  summary.notes = TRY(read_strings(json, "notes"));
  summary.host = TRY(json.text("host"));
  summary.tool_version = TRY(json.text("tool_version"));
  summary.keys = TRY(read_keys(json));
  summary.files = TRY(json.unsigned_integer("files"));
  summary.entries = TRY(json.unsigned_integer("entries"));
  summary.source_bytes = TRY(json.unsigned_integer("source_bytes"));
  summary.stored_bytes = TRY(json.unsigned_integer("stored_bytes"));
  summary.packs = TRY(json.unsigned_integer("packs"));
  summary.body_bytes = TRY(json.unsigned_integer("body_bytes"));
  return ok();
}

}  // namespace

Json chain_json(const ChainLink& link) {
  auto predecessors = Json::array();
  for (const auto& record : link.predecessors) {
    auto object = Json::object();
    object.set("key", record.key);
    object.set("sha256", to_hex(record.digest));
    predecessors.push(std::move(object));
  }
  auto json = Json::object();
  json.set("sequence", link.sequence);
  json.set("predecessors", std::move(predecessors));
  return json;
}

Result<ChainLink> read_chain(const Json& object) {
  auto json = TRY(read_object(object, "chain"));
  ChainLink link;
  link.sequence = TRY(json->unsigned_integer("sequence"));
  auto predecessors = TRY(json->array_of("predecessors"));
  for (const auto& element : *predecessors) {
    RecordRef record;
    record.key = TRY(element.text("key"));
    record.digest = TRY(read_digest(element, "sha256"));
    link.predecessors.push_back(std::move(record));
  }
  return link;
}

Json keys_json(const std::vector<KeyRecord>& keys) {
  auto array = Json::array();
  for (const auto& key : keys) {
    auto object = Json::object();
    object.set("id", key.id.to_string());
    object.set("class", crypto::to_string(key.key_class));
    object.set("wraps", texts_json(key.wraps));
    array.push(std::move(object));
  }
  return array;
}

Result<std::vector<KeyRecord>> read_keys(const Json& object) {
  auto array = TRY(object.array_of("keys"));
  std::vector<KeyRecord> keys;
  for (const auto& element : *array) {
    KeyRecord key;
    auto id_text = TRY(element.text("id"));
    auto id = crypto::KeyId::parse(id_text);
    auto key_class = TRY(element.text("class"));
    if (!id || (key_class != "data" && key_class != "meta"))
      return Error(ErrorKind::corrupt, "a key's record is damaged");
    key.id = *id;
    key.key_class = key_class == "data" ? crypto::KeyClass::data : crypto::KeyClass::meta;
    key.wraps = TRY(read_texts(element, "wraps"));
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string encode_summary(const ManifestSummary& summary) {
  auto json = Json::object();
  json.set("version", kVersion);
  json.set("label", summary.label.text());
  json.set("parent", summary.parent ? Json(summary.parent->text()) : Json());
  write_server(summary, json);
  write_content(summary, json);
  json.set("chain", chain_json(summary.chain));
  return json.dump();
}

Result<ManifestSummary> decode_summary(ByteView text) {
  auto json = TRY(parse_object(text));
  auto version = TRY(json.unsigned_integer("version"));
  if (version > kVersion) {
    return Error(ErrorKind::unsupported, "the manifest has version " + std::to_string(version))
        .with_hint("use a newer version of the program");
  }
  ManifestSummary summary;
  summary.label = TRY(read_label(json, "label"));
  auto parent = TRY(read_optional_text(json, "parent"));
  if (parent) summary.parent = TRY(read_label(json, "parent"));
  TRY(read_server(json, summary));
  TRY(read_content(json, summary));
  summary.chain = TRY(read_chain(json));
  return summary;
}

namespace {

std::string server_files_object(const ManifestBody& body) {
  auto json = Json::object();
  json.set("kind", "server-files");
  json.set("backup_label", to_hex(as_bytes(body.backup_label)));
  json.set("tablespace_map", to_hex(as_bytes(body.tablespace_map)));
  return json.dump();
}

Json pack_json(const PackRecord& pack) {
  auto array = Json::array();
  array.push(pack.id);
  array.push(pack.name.to_string());
  array.push(crypto::to_string(pack.key_class));
  array.push(pack.size);
  array.push(pack.index_offset);
  array.push(pack.frames);
  array.push(to_hex(pack.tags));
  return array;
}

void encode_packs(const std::vector<PackRecord>& packs, std::vector<std::string>& objects) {
  for (size_t begin = 0; begin < packs.size(); begin += kPacksPerFrame) {
    auto array = Json::array();
    auto end = std::min(begin + kPacksPerFrame, packs.size());
    for (size_t i = begin; i < end; ++i) array.push(pack_json(packs[i]));
    auto json = Json::object();
    json.set("kind", "packs");
    json.set("packs", std::move(array));
    objects.push_back(json.dump());
  }
}

/// Frames [begin, end) of a run as a run of their own.
FrameRun slice(const FrameRun& run, size_t begin, size_t end) {
  FrameRun part = run;
  for (size_t i = 0; i < begin; ++i) part.first_offset += crypto::kFrameOverhead + run.stored_sizes[i];
  part.first_number = run.first_number + static_cast<uint32_t>(begin);
  part.stored_sizes.assign(run.stored_sizes.begin() + static_cast<std::ptrdiff_t>(begin),
                           run.stored_sizes.begin() + static_cast<std::ptrdiff_t>(end));
  part.last_raw_size = end == run.frames() ? run.last_raw_size : run.raw_size;
  part.raw_size = part.frames() == 1 ? part.last_raw_size : run.raw_size;
  part.length = part.raw_bytes();
  return part;
}

void encode_stream(std::string_view name, const StreamTable& table, std::vector<std::string>& objects) {
  std::vector<FrameRuns> pieces(1);
  uint64_t frames = 0;
  for (const auto& run : table.frames.runs()) {
    for (size_t begin = 0; begin < run.frames();) {
      if (frames == kStreamFramesPerObject) {
        pieces.emplace_back();
        frames = 0;
      }
      auto end = std::min<size_t>(run.frames(), begin + (kStreamFramesPerObject - frames));
      pieces.back().add_run(slice(run, begin, end));
      frames += end - begin;
      begin = end;
    }
  }
  for (const auto& piece : pieces) {
    Bytes runs;
    encode_frame_runs(piece, runs);
    auto json = Json::object();
    json.set("kind", "stream");
    json.set("name", name);
    json.set("length", piece.length());
    json.set("runs", to_hex(runs));
    objects.push_back(json.dump());
  }
}

}  // namespace

std::vector<std::string> encode_body(const ManifestBody& body) {
  std::vector<std::string> objects;
  objects.push_back(server_files_object(body));
  encode_packs(body.packs, objects);
  encode_stream("files", body.file_table, objects);
  encode_stream("pages", body.page_hashes, objects);
  return objects;
}

Result<void> BodyDecoder::feed(ByteView frame) {
  auto json = TRY(parse_object(frame));
  auto kind = TRY(json.text("kind"));
  if (kind == "server-files") return read_server_files(json);
  if (kind == "packs") return read_packs(json);
  if (kind == "stream") return read_stream(json);
  return Error(ErrorKind::corrupt, "the manifest holds a frame of an unknown kind");
}

Result<void> BodyDecoder::read_server_files(const Json& object) {
  if (has_server_files_) return Error(ErrorKind::corrupt, "the manifest holds its server files twice");
  has_server_files_ = true;
  auto label = TRY(object.text("backup_label"));
  auto map = TRY(object.text("tablespace_map"));
  auto label_bytes = from_hex(label);
  auto map_bytes = from_hex(map);
  if (!label_bytes || !map_bytes) return Error(ErrorKind::corrupt, "the manifest's server files are not hexadecimal");
  body_.backup_label = as_text(*label_bytes);
  body_.tablespace_map = as_text(*map_bytes);
  return ok();
}

namespace {

Result<PackRecord> read_pack(const Json& element) {
  const auto* fields = element.as_array();
  if (fields == nullptr || fields->size() != 7) return Error(ErrorKind::corrupt, "a pack's record is damaged");
  PackRecord pack;
  auto id = TRY(element_number((*fields)[0], UINT32_MAX));
  pack.id = static_cast<uint32_t>(id);
  const auto* name = (*fields)[1].as_string();
  const auto* key_class = (*fields)[2].as_string();
  const auto* tags = (*fields)[6].as_string();
  if (name == nullptr || key_class == nullptr || tags == nullptr || (*key_class != "data" && *key_class != "meta")) {
    return Error(ErrorKind::corrupt, "a pack's record is damaged");
  }
  auto parsed = PackName::parse(*name);
  if (!parsed) return Error(ErrorKind::corrupt, "a pack's record names no pack");
  pack.name = *parsed;
  pack.key_class = *key_class == "data" ? crypto::KeyClass::data : crypto::KeyClass::meta;
  pack.size = TRY(element_number((*fields)[3], uint64_t{1} << 48));
  pack.index_offset = TRY(element_number((*fields)[4], pack.size));
  auto frames = TRY(element_number((*fields)[5], UINT32_MAX));
  pack.frames = static_cast<uint32_t>(frames);
  pack.tags = TRY(parse_digest(*tags));
  return pack;
}

}  // namespace

Result<void> BodyDecoder::read_packs(const Json& object) {
  auto array = TRY(object.array_of("packs"));
  for (const auto& element : *array) {
    auto pack = TRY(read_pack(element));
    if (!body_.packs.empty() && body_.packs.back().id >= pack.id) {
      return Error(ErrorKind::corrupt, "the manifest's packs are not in order");
    }
    body_.packs.push_back(pack);
  }
  return ok();
}

Result<void> BodyDecoder::read_stream(const Json& object) {
  auto name = TRY(object.text("name"));
  if (name != "files" && name != "pages") return Error(ErrorKind::corrupt, "the manifest holds an unknown stream");
  auto& table = name == "files" ? body_.file_table : body_.page_hashes;
  auto length = TRY(object.unsigned_integer("length"));
  auto hex = TRY(object.text("runs"));
  auto bytes = from_hex(hex);
  if (!bytes) return Error(ErrorKind::corrupt, "a stream's frame runs are not hexadecimal");
  ByteReader reader(*bytes);
  auto runs = TRY(decode_frame_runs(reader));
  TRY(reader.expect_end());
  if (runs.length() != length) return Error(ErrorKind::corrupt, "a stream's length and frames disagree");
  table.length += length;
  table.frames.append(std::move(runs));
  return ok();
}

Result<ManifestBody> BodyDecoder::finish() {
  if (!has_server_files_) return Error(ErrorKind::corrupt, "the manifest lacks its server files");
  return std::move(body_);
}

}  // namespace spendsync::repository
