#include "repository/wal_archive.h"

#include <algorithm>

#include "repository/content_encoder.h"
#include "repository/record_json.h"
#include "repository/sealed_document.h"
#include "repository/wal_continuity.h"

namespace spendsync::repository {

using storage::ObjectKey;

namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kMetaUnit = 1024;  // bytes; the meta frame's JSON is padded to a multiple of it
constexpr size_t kMetaRead = crypto::kStreamHeaderSize + crypto::kFrameOverhead + kMetaUnit;
constexpr size_t kMetaMax = 64u << 10;
constexpr uint64_t kHistoryMax = 16u << 20;
constexpr size_t kMapMax = 4u << 20;  // a longer change map is left out: whoever wants it reads the segment
constexpr size_t kSealedMapMax = kMapMax + (64u << 10);

crypto::Sha256Digest content_mac(const crypto::DataKey& meta_key, ByteView content) {
  auto mac_key = crypto::derive_key(meta_key.secret, "content mac");
  return crypto::hmac_sha256(mac_key.view(), content);
}

std::string encode_meta(const WalMeta& meta) {
  const auto& greatest = meta.summary.greatest_commit_time;
  auto json = Json::object();
  json.set("version", kVersion);
  json.set("size", meta.size);
  json.set("hmac", to_hex(meta.hmac));
  json.set("stored", format_utc(meta.stored));
  json.set("records", meta.summary.records);
  json.set("first_commit", commit_json(meta.summary.first_commit));
  json.set("last_commit", commit_json(meta.summary.last_commit));
  json.set("greatest_commit_time", greatest ? Json(format_utc(*greatest)) : Json());
  json.set("first_previous", optional_lsn_json(meta.summary.edges.first_previous));
  json.set("last_record", optional_lsn_json(meta.summary.edges.last_record));
  json.set("last_whole", optional_lsn_json(meta.summary.edges.last_whole));
  json.set("tail", optional_hex_json(meta.summary.edges.tail));
  json.set("previous_tail", optional_hex_json(meta.summary.edges.previous_tail));
  if (meta.part) {
    auto part = Json::object();
    part.set("from", meta.part->from);
    part.set("to", meta.part->to);
    json.set("part", std::move(part));
  }
  if (meta.map_size != 0) json.set("change_map", meta.map_size);
  json.set("data_wraps", texts_json(meta.data_wraps));
  json.set("meta_wraps", texts_json(meta.meta_wraps));
  auto text = json.dump();
  text.resize((text.size() + kMetaUnit - 1) / kMetaUnit * kMetaUnit, ' ');
  return text;
}

Result<WalMeta> decode_meta(ByteView text) {
  auto json = TRY(parse_object(text));
  auto version = TRY(json.unsigned_integer("version"));
  if (version > kVersion) return Error(ErrorKind::unsupported, "it has version " + std::to_string(version));
  WalMeta meta;
  meta.size = TRY(json.unsigned_integer("size"));
  meta.hmac = TRY(read_digest(json, "hmac"));
  meta.stored = TRY(read_time(json, "stored"));
  meta.summary.records = TRY(json.unsigned_integer("records"));
  meta.summary.first_commit = TRY(read_commit(json, "first_commit"));
  meta.summary.last_commit = TRY(read_commit(json, "last_commit"));
  if (const auto* greatest = json.find("greatest_commit_time"); greatest != nullptr && !greatest->is_null()) {
    meta.summary.greatest_commit_time = TRY(read_time(json, "greatest_commit_time"));
  }
  meta.summary.edges.first_previous = TRY(read_optional_lsn(json, "first_previous"));
  meta.summary.edges.last_record = TRY(read_optional_lsn(json, "last_record"));
  meta.summary.edges.last_whole = TRY(read_optional_lsn(json, "last_whole"));
  meta.summary.edges.tail = TRY(read_optional_hex(json, "tail"));
  meta.summary.edges.previous_tail = TRY(read_optional_hex(json, "previous_tail"));
  if (const Json* part = json.find("part")) {
    auto from = TRY(read_u32(*part, "from"));
    auto to = TRY(read_u32(*part, "to"));
    meta.part = PartRange{from, to};
  }
  if (json.find("change_map") != nullptr) {
    meta.map_size = TRY(json.unsigned_integer("change_map"));
    if (meta.map_size > kSealedMapMax) return Error(ErrorKind::corrupt, "its change map has an impossible size");
  }
  meta.data_wraps = TRY(read_texts(json, "data_wraps"));
  meta.meta_wraps = TRY(read_texts(json, "meta_wraps"));
  return meta;
}

}  // namespace

/// One object and what it must be.
struct WalArchive::Target {
  ObjectKey key;
  ObjectType type = ObjectType::wal;
};

namespace {

/// The meta stream at the front of `bytes`. Errors: corrupt.
Result<WalMeta> open_meta(Repository& repository, ObjectType type, const ObjectKey& key, ByteView bytes) {
  auto meta_key = TRY(repository.key_of(bytes, key));
  if (meta_key->key_class != crypto::KeyClass::meta) {
    return Error(ErrorKind::corrupt, key.text() + " does not begin with its meta stream");
  }
  auto opener = TRY_CONTEXT(DocumentOpener::create(repository.seal_context(type, key), meta_key, bytes), key.text());
  auto frame = TRY_CONTEXT(opener.next(kMetaMax), key.text());
  auto meta = TRY_CONTEXT(decode_meta(frame), key.text());
  if (!opener.ended()) return Error(ErrorKind::corrupt, key.text() + " has more than one meta frame");
  meta.meta_key = meta_key->id;
  meta.data_offset = opener.consumed() + meta.map_size;
  return meta;
}

/// The change map in `sealed`. Errors: corrupt.
Result<Bytes> open_map(Repository& repository, const ObjectKey& key, ByteView sealed) {
  auto meta_key = TRY(repository.key_of(sealed, key));
  auto context = repository.seal_context(ObjectType::change_map, key);
  auto map = TRY_CONTEXT(open_document(context, meta_key, sealed, kMapMax), "the change map of " + key.text());
  return map;
}

Result<Bytes> seal_meta(const crypto::SealContext& context, const crypto::DataKeyPtr& key, RandomSource& random,
                        const WalMeta& meta) {
  auto sealer = TRY(crypto::StreamSealer::create(context, key, random));
  auto header = sealer.header();
  Bytes object(header.begin(), header.end());
  auto text = encode_meta(meta);
  CHECK(text.size() <= kMetaMax);
  crypto::StreamSealer::FrameOptions options;
  options.raw_size = static_cast<uint32_t>(text.size());  // codec none: the size of the stream stays known
  options.last = true;
  TRY(sealer.seal(as_bytes(text), options, object));
  return object;
}

/// Appends the data stream to `object`.
Result<void> seal_frames(crypto::StreamSealer& sealer, const std::vector<ContentEncoder::Frame>& frames,
                         Bytes& object) {
  auto header = sealer.header();
  size_t size = object.size() + header.size();
  for (const auto& frame : frames) size += frame.payload().size() + crypto::kFrameOverhead;
  object.reserve(size);
  object.insert(object.end(), header.begin(), header.end());
  for (const auto& frame : frames) {
    crypto::StreamSealer::FrameOptions options;
    options.raw_size = static_cast<uint32_t>(frame.raw.size());
    options.codec = static_cast<uint8_t>(frame.codec);
    options.last = &frame == &frames.back();
    TRY(sealer.seal(frame.payload(), options, object));
  }
  return ok();
}

/// The content behind the meta stream, proved by its HMAC. Errors: corrupt.
Result<Bytes> open_content(Repository& repository, ObjectType type, const ObjectKey& key, const WalMeta& meta,
                           ByteView bytes, uint64_t max_size) {
  if (meta.size > max_size) return Error(ErrorKind::corrupt, key.text() + " claims more bytes than it may hold");
  if (meta.data_offset > bytes.size()) return Error(ErrorKind::corrupt, key.text() + " is cut off");
  if (meta.map_size != 0) {
    TRY(open_map(repository, key, bytes.subspan(meta.data_offset - meta.map_size, meta.map_size)));
  }
  auto stream = bytes.subspan(meta.data_offset);
  auto data_key = TRY(repository.key_of(stream, key));
  if (data_key->key_class != crypto::KeyClass::data) {
    return Error(ErrorKind::corrupt, key.text() + " has no data stream behind its meta stream");
  }
  auto context = repository.seal_context(type, key);
  auto content = TRY_CONTEXT(open_document(context, data_key, stream, meta.size), key.text());
  auto meta_key = TRY(repository.key_of(bytes, key));
  bool whole = content.size() == meta.size && crypto::equal_digests(content_mac(*meta_key, content), meta.hmac);
  if (!whole) return Error(ErrorKind::corrupt, key.text() + " does not hold the content that its meta stream names");
  return content;
}

}  // namespace

Result<PutOutcome> WalArchive::put_sealed(const Target& target, ByteView content, WalMeta meta,
                                          const Summarize& summarize) {
  // A duplicate is common where the slot and archive_command run side by side: looking first costs one small read,
  // compressing a segment for nothing a tenth of a second.
  auto present = compare_with_stored(target, content);
  if (present || !present.error().is(ErrorKind::not_found)) return present;

  ContentEncoder encoder({settings_.compression, settings_.frame_size, settings_.threads}, content);
  if (summarize) meta.summary = TRY(summarize());
  auto keys = TRY(repository_.keys().wal_keys());
  meta.size = content.size();
  meta.hmac = content_mac(*keys.meta, content);
  meta.stored = repository_.clock().now();
  meta.data_wraps = keys.data_wraps;
  meta.meta_wraps = keys.meta_wraps;
  auto context = repository_.seal_context(target.type, target.key);
  Bytes map;
  if (!meta.summary.change_map.empty() && meta.summary.change_map.size() <= kMapMax) {
    auto map_context = repository_.seal_context(ObjectType::change_map, target.key);
    map = TRY(seal_document(map_context, keys.meta, repository_.random(), meta.summary.change_map));
    meta.map_size = map.size();
  }
  auto object = TRY(seal_meta(context, keys.meta, repository_.random(), meta));
  object.insert(object.end(), map.begin(), map.end());
  auto sealer = TRY(crypto::StreamSealer::create(context, keys.data, repository_.random()));
  auto frames = TRY(encoder.finish());
  TRY(seal_frames(sealer, frames, object));
  auto put = repository_.store().put_if_absent(target.key, object);
  if (put) return PutOutcome::stored;
  if (!put.error().is(ErrorKind::already_exists)) {
    return std::move(put).error().with_context("writing " + target.key.text());
  }
  return compare_with_stored(target, content);
}

Result<bool> WalArchive::is_stored_as(SegmentName name, ByteView content) {
  auto target = TRY(segment_target(name));
  auto stored = TRY(read_sealed_meta(target));
  auto meta_key = TRY(repository_.keys().find(stored.meta_key));
  return stored.size == content.size() && crypto::equal_digests(stored.hmac, content_mac(*meta_key, content));
}

Result<void> WalArchive::expect_to_follow(SegmentName name, const SegmentEdges& edges) {
  if (name.number == 0) return ok();
  SegmentName before{name.timeline, name.number - 1};
  auto meta = read_meta(before);
  // What is damaged or gone says nothing, and must not stop what is whole from being stored; verify names it.
  if (!meta && (meta.error().is(ErrorKind::not_found) || meta.error().is(ErrorKind::corrupt))) return ok();
  if (!meta) return std::move(meta).error();
  WalContinuity continuity;
  continuity.add(before, meta->summary.edges);
  auto found = continuity.add(name, edges);
  if (!found) return ok();
  return wal_diverged(found->describe(segment_size()));
}

Result<PutOutcome> WalArchive::compare_with_stored(const Target& target, ByteView content) {
  auto stored = TRY(read_sealed_meta(target));
  auto meta_key = TRY(repository_.keys().find(stored.meta_key));
  auto ours = content_mac(*meta_key, content);
  if (stored.size == content.size() && crypto::equal_digests(stored.hmac, ours)) return PutOutcome::already_identical;
  auto what = target.key.text() + " is stored with other content: its HMAC is " + to_hex(stored.hmac) +
              ", that of the new content is " + to_hex(ours);
  if (target.type == ObjectType::wal) return wal_diverged(std::move(what));
  return Error(ErrorKind::conflict, std::move(what))
      .with_hint("two servers may be archiving the same timeline; nothing was overwritten");
}

Result<WalMeta> WalArchive::read_sealed_meta(const Target& target) {
  const auto& key = target.key;
  Bytes bytes(kMetaRead);
  auto read = repository_.store().get_range(key, 0, bytes);
  if (!read) return std::move(read).error().with_context("reading " + key.text());
  auto frame = TRY_CONTEXT(crypto::read_frame_header(ByteView(bytes).subspan(crypto::kStreamHeaderSize)), key.text());
  if (frame.stored_size > kMetaMax) return Error(ErrorKind::corrupt, key.text() + " has an oversized meta frame");
  if (frame.stored_size > kMetaUnit) {
    bytes.resize(crypto::kStreamHeaderSize + crypto::kFrameOverhead + frame.stored_size);
    TRY_CONTEXT(repository_.store().get_range(key, 0, bytes), "reading " + key.text());
  }
  return open_meta(repository_, target.type, key, bytes);
}

Result<WalArchive::StoredChangeMap> WalArchive::read_change_map(SegmentName name) {
  auto target = TRY(segment_target(name));
  auto meta = TRY(read_sealed_meta(target));
  StoredChangeMap stored{meta.summary.edges, std::nullopt};
  if (meta.map_size == 0) return stored;
  Bytes sealed(meta.map_size);
  TRY_CONTEXT(repository_.store().get_range(target.key, meta.data_offset - meta.map_size, sealed),
              "reading the change map of " + target.key.text());
  stored.map = TRY(open_map(repository_, target.key, sealed));
  return stored;
}

Result<WalArchive::OpenedObject> WalArchive::open_object(ObjectType type, const ObjectKey& key) {
  uint64_t max_size = segment_size();
  auto stored_max =
      max_size + max_size / 64 + kMetaMax + kSealedMapMax + 4096;  // frames that do not compress are stored as they are
  auto bytes = TRY_CONTEXT(repository_.store().get(key, stored_max), "reading " + key.text());
  OpenedObject opened;
  opened.meta = TRY(open_meta(repository_, type, key, bytes));
  auto data_header =
      TRY_CONTEXT(crypto::read_stream_header(ByteView(bytes).subspan(opened.meta.data_offset)), key.text());
  opened.data_key = data_header.key_id;
  opened.content = TRY(open_content(repository_, type, key, opened.meta, bytes, max_size));
  return opened;
}

Result<WalArchive::Target> WalArchive::segment_target(SegmentName name) const {
  return Target{repository_.layout().segment(name, segment_size()), ObjectType::wal};
}

uint32_t WalArchive::segment_size() const { return repository_.identity().wal_segment_size; }

Result<PutOutcome> WalArchive::put_segment(SegmentName name, ByteView content, const WalSegmentSummary& summary) {
  TRY(check_whole(name, content));
  auto target = TRY(segment_target(name));
  WalMeta meta;
  meta.summary = summary;
  return put_sealed(target, content, std::move(meta));
}

Result<PutOutcome> WalArchive::summarize_and_put_segment(SegmentName name, ByteView content,
                                                         const Summarize& summarize) {
  TRY(check_whole(name, content));
  auto target = TRY(segment_target(name));
  return put_sealed(target, content, {}, summarize);
}

Result<void> WalArchive::check_whole(SegmentName name, ByteView content) const {
  if (content.size() == segment_size()) return {};
  return Error(ErrorKind::invalid, "segment " + name.file_name(segment_size()) + " has " +
                                       std::to_string(content.size()) + " bytes instead of " +
                                       std::to_string(segment_size()));
}

Result<WalMeta> WalArchive::read_meta(SegmentName name) {
  auto target = TRY(segment_target(name));
  return read_sealed_meta(target);
}

Result<Bytes> WalArchive::get_segment(SegmentName name) {
  auto target = TRY(segment_target(name));
  auto opened = TRY(open_object(target.type, target.key));
  if (opened.content.size() != segment_size()) {
    return Error(ErrorKind::corrupt, target.key.text() + " is no whole segment");
  }
  return std::move(opened.content);
}

Result<bool> WalArchive::exists(SegmentName name) {
  auto target = TRY(segment_target(name));
  auto info = repository_.store().stat(target.key);
  if (info) return true;
  if (info.error().is(ErrorKind::not_found)) return false;
  return std::move(info).error();
}

Result<PutOutcome> WalArchive::put_history(TimelineId timeline, std::string_view content) {
  auto key = repository_.layout().history(timeline);
  auto present = repository_.get_document(ObjectType::history, key, kHistoryMax);
  if (present) {
    if (as_text(*present) == content) return PutOutcome::already_identical;
    return Error(ErrorKind::conflict, key.text() + " is stored with other content")
        .with_hint("another server has forked the same timeline; nothing was overwritten");
  }
  if (!present.error().is(ErrorKind::not_found)) return std::move(present).error();
  auto keys = TRY(repository_.keys().wal_keys());
  return repository_.put_document({ObjectType::history, key, as_bytes(content)}, keys.meta);
}

Result<std::string> WalArchive::get_history(TimelineId timeline) {
  auto key = repository_.layout().history(timeline);
  auto content = TRY(repository_.get_document(ObjectType::history, key, kHistoryMax));
  return std::string(as_text(content));
}

Result<PutOutcome> WalArchive::put_file(std::string_view file_name, ByteView content) {
  auto key = TRY(repository_.layout().wal_file(file_name));
  if (content.size() > segment_size()) {
    return Error(ErrorKind::invalid, std::string(file_name) + " is larger than a segment");
  }
  return put_sealed({key, ObjectType::wal_file}, content, {});
}

Result<Bytes> WalArchive::get_file(std::string_view file_name) {
  auto key = TRY(repository_.layout().wal_file(file_name));
  auto opened = TRY(open_object(ObjectType::wal_file, key));
  return std::move(opened.content);
}

Result<PutOutcome> WalArchive::put_part(SegmentName name, PartRange range, ByteView content,
                                        const WalSegmentSummary& summary) {
  bool fits = range.from < range.to && range.to <= segment_size() && content.size() == range.to - range.from;
  if (!fits)
    return Error(ErrorKind::invalid, "a part of " + name.file_name(segment_size()) + " does not fit its range");
  WalMeta meta;
  meta.summary = summary;
  meta.part = range;
  return put_sealed({repository_.layout().segment_part(name, segment_size(), range), ObjectType::wal_part}, content,
                    std::move(meta));
}

Result<std::vector<PartRange>> WalArchive::list_parts(SegmentName name) {
  auto prefix = repository_.layout().parts_prefix(name, segment_size());
  std::vector<PartRange> parts;
  TRY(repository_.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    auto range = PartRange::parse(std::string_view(info.key.text()).substr(prefix.size()));
    if (range) parts.push_back(*range);
    return ok();
  }));
  std::sort(parts.begin(), parts.end());
  return parts;
}

Result<Bytes> WalArchive::get_part(SegmentName name, PartRange range) {
  auto key = repository_.layout().segment_part(name, segment_size(), range);
  auto opened = TRY(open_object(ObjectType::wal_part, key));
  bool fills = opened.meta.part == range && opened.content.size() == range.to - range.from;
  if (!fills) return Error(ErrorKind::corrupt, key.text() + " does not fill its range");
  return std::move(opened.content);
}

Result<Bytes> WalArchive::assemble_parts(SegmentName name) {
  auto parts = TRY(list_parts(name));
  Bytes content;
  while (true) {
    // Of the parts that touch what is covered, the one that reaches farthest.
    const PartRange* best = nullptr;
    for (const auto& part : parts) {
      bool extends = part.from <= content.size() && part.to > content.size();
      if (extends && (best == nullptr || part.to > best->to)) best = &part;
    }
    if (best == nullptr) return content;
    auto bytes = TRY(get_part(name, *best));
    auto overlap = content.size() - best->from;
    content.insert(content.end(), bytes.begin() + static_cast<std::ptrdiff_t>(overlap), bytes.end());
  }
}

Result<std::vector<TimelineId>> WalArchive::timelines() {
  auto names = TRY(repository_.store().list_level(repository_.layout().wal_prefix()));
  std::vector<TimelineId> timelines;
  for (std::string_view name : names) {
    if (name.size() != 9 || name.back() != '/') continue;
    auto bytes = from_hex(name.substr(0, 8));
    if (!bytes) continue;
    uint32_t value = 0;
    for (auto byte : *bytes) value = value << 8 | static_cast<uint32_t>(byte);
    if (TimelineId{value}.to_hex() == name.substr(0, 8)) timelines.push_back({value});
  }
  std::sort(timelines.begin(), timelines.end());
  return timelines;
}

Result<std::vector<TimelineId>> WalArchive::histories() {
  auto all = TRY(timelines());
  std::vector<TimelineId> with_history;
  for (auto timeline : all) {
    auto info = repository_.store().stat(repository_.layout().history(timeline));
    if (info) {
      with_history.push_back(timeline);
    } else if (!info.error().is(ErrorKind::not_found)) {
      return std::move(info).error();
    }
  }
  return with_history;
}

namespace {

void add_segment(std::vector<StoredRun>& ranges, SegmentName name, uint64_t size) {
  if (ranges.empty() || ranges.back().last.number + 1 != name.number) ranges.push_back({{name, name}, 0});
  ranges.back().last = name;
  ranges.back().stored_bytes += size;
}

}  // namespace

Result<std::vector<StoredRun>> WalArchive::segments(TimelineId timeline) {
  return segments_between({timeline, 0}, {timeline, UINT64_MAX});
}

Result<std::vector<StoredRun>> WalArchive::segments_between(SegmentName first, SegmentName last) {
  auto prefix = repository_.layout().timeline_prefix(first.timeline);
  std::string start_after;
  if (first.number > 0)
    start_after = repository_.layout().segment({first.timeline, first.number - 1}, segment_size()).text();
  std::vector<StoredRun> ranges;
  // Names ascend as segments do; `done` ends the listing early, which only an error can.
  const Error done(ErrorKind::cancelled, "end of range");
  bool reached = false;
  auto listed = repository_.store().list(prefix, start_after, [&](const storage::ObjectInfo& info) -> Result<void> {
    auto name = SegmentName::parse(std::string_view(info.key.text()).substr(prefix.size()), segment_size());
    if (!name || name->timeline != first.timeline || name->number < first.number) return ok();
    reached = name->number > last.number;
    if (reached) return done;
    add_segment(ranges, *name, info.size);
    return ok();
  });
  if (!listed && !reached) return std::move(listed).error();
  return ranges;
}

}  // namespace spendsync::repository
