#include "repository/verifier.h"

#include <atomic>

#include "base/crc32c.h"
#include "base/json.h"
#include "base/worker_group.h"
#include "repository/interrupted_run.h"
#include "repository/record_json.h"
#include "repository/restore_rules.h"
#include "repository/wal_continuity.h"

namespace spendsync::repository {

using storage::ObjectKey;

Verifier::Verifier(Repository& repository, VerifySettings settings, std::stop_token stop)
    : repository_(repository),
      settings_(settings),
      stop_(stop),
      findings_(settings.progress),
      archive_(repository, {}) {}

Result<void> Verifier::in_parallel(size_t count, const std::function<Result<void>(size_t)>& work) {
  std::atomic<size_t> next{0};
  WorkerGroup group(stop_);
  auto threads = std::min<size_t>(std::max(settings_.workers, 1u), count);
  for (size_t t = 0; t < threads; ++t) {
    group.spawn("verify", [&](std::stop_token stop) -> Result<void> {
      for (auto i = next++; i < count; i = next++) {
        if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
        TRY(work(i));
      }
      return ok();
    });
  }
  return group.join();
}

Result<void> Verifier::cluster() {
  if (!findings_.first_time("cluster")) return ok();
  constexpr uint64_t kMax = 64u << 10;
  auto object = repository_.store().get(repository_key(), kMax);
  auto readable = TRY(findings_.check(repository_key(), object));
  if (readable) {
    findings_.count_object(object->size());
    auto expected = repository_.seal_context(ObjectType::identity, repository_key()).repository;
    if (crypto::sha256(*object) != expected) {
      findings_.add(repository_key().text(), ErrorKind::corrupt,
                    "it is not the object that the repository was opened with");
    }
  }
  auto key = repository_.layout().identity();
  auto identity = repository_.get_document(ObjectType::identity, key, kMax);
  readable = TRY(findings_.check(key, identity));
  if (readable) findings_.count_object(identity->size());
  return ok();
}

Result<void> Verifier::all_keys() {
  auto prefix = repository_.layout().keys_prefix();
  struct Wrap {
    crypto::KeyId id;
    std::string wrap_id;
  };
  std::vector<Wrap> wraps;
  TRY(repository_.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    auto rest = std::string_view(info.key.text()).substr(prefix.size());
    auto slash = rest.find('/');
    auto id = crypto::KeyId::parse(rest.substr(0, slash));
    if (slash == std::string_view::npos || !id) {
      findings_.add(info.key.text(), ErrorKind::corrupt, "no object of a repository lies there");
    } else {
      wraps.push_back({*id, std::string(rest.substr(slash + 1))});
    }
    return ok();
  }));
  return in_parallel(wraps.size(), [&](size_t i) { return check_wrap(wraps[i].id, wraps[i].wrap_id); });
}

Result<void> Verifier::check_wraps(const std::vector<KeyRecord>& keys) {
  for (const auto& key : keys) {
    for (const auto& wrap_id : key.wraps) TRY(check_wrap(key.id, wrap_id));
  }
  return ok();
}

Result<void> Verifier::check_wrap(const crypto::KeyId& id, const std::string& wrap_id) {
  auto parsed = ObjectKey::parse(repository_.layout().key_prefix(id) + wrap_id);
  if (!parsed || !findings_.first_time(parsed->text())) return ok();
  const auto& key = *parsed;
  auto bytes = repository_.store().get(key, crypto::kWrappedKeyMax);
  if (!bytes && bytes.error().is(ErrorKind::not_found)) {
    auto retired = repository_.is_tombstoned(key);
    auto known = TRY(findings_.check(key, retired));
    if (known && !*retired) findings_.add(key.text(), ErrorKind::not_found, "this wrap of a data key is missing");
    return ok();
  }
  auto readable = TRY(findings_.check(key, bytes));
  if (!readable) return ok();
  findings_.count_object(bytes->size());
  auto wrapped = crypto::decode(*bytes);
  auto decoded = TRY(findings_.check(key, wrapped));
  if (!decoded) return ok();
  crypto::KeyContext expected{repository_.id(), repository_.layout().path().text(), id, wrapped->context.key_class};
  auto placed = TRY(findings_.check(key, crypto::expect_context(*wrapped, expected)));
  if (!placed) return ok();
  return open_wrap(key, *wrapped);
}

/// A wrap of somebody else's wrapper is whole as far as anybody here can tell: its checksum was right.
Result<void> Verifier::open_wrap(const ObjectKey& key, const crypto::WrappedKey& wrapped) {
  for (auto* wrapper : repository_.wrappers()) {
    if (!wrapper->can_open() || wrapper->type() != wrapped.wrapper_type) continue;
    auto secret = wrapper->unwrap(wrapped);
    if (!secret && secret.error().is(ErrorKind::denied)) continue;
    auto opened = TRY(findings_.check(key, secret));
    if (!opened) return ok();
    auto known = repository_.keys().find(wrapped.context.key_id);
    if (known && !crypto::equal_digests((*known)->secret.view(), secret->view())) {
      findings_.add(key.text(), ErrorKind::corrupt, "it holds another key than the other wraps of this key id");
    }
    return ok();
  }
  return ok();
}

Result<void> Verifier::check_started(const Label& label) {
  auto key = repository_.layout().started(label);
  if (!findings_.first_time(key.text())) return ok();
  auto content = repository_.get_document(ObjectType::started, key, 1u << 20);
  auto readable = TRY(findings_.check(key, content));
  if (!readable) return ok();
  findings_.count_object(content->size());
  auto json = parse_object(*content);
  auto parsed = TRY(findings_.check(key, json));
  if (!parsed) return ok();
  auto named = json->text("label");
  if (!named || *named != label.text()) findings_.add(key.text(), ErrorKind::corrupt, "it describes another run");
  return ok();
}

/// The run that wrote the manifest is the one of `started`, or has left a document of its own.
Result<void> Verifier::check_resumed(const Label& label, const RunId& run) {
  constexpr uint64_t kMax = 1u << 20;
  auto started = repository_.get_document(ObjectType::started, repository_.layout().started(label), kMax);
  if (!started) return ok();  // found already
  auto first = parse_run_start(*started);
  if (!first || first->run == run) return ok();
  auto key = repository_.layout().resumed(label, run);
  if (!findings_.first_time(key.text())) return ok();
  auto content = repository_.get_document(ObjectType::started, key, kMax);
  auto readable = TRY(findings_.check(key, content));
  if (!readable) return ok();
  findings_.count_object(content->size());
  auto parsed = TRY(findings_.check(key, parse_run_start(*content)));
  if (parsed && parse_run_start(*content)->run != run) {
    findings_.add(key.text(), ErrorKind::corrupt, "it describes another run");
  }
  return ok();
}

Result<void> Verifier::backup(const Label& label) {
  if (!findings_.first_time("backup " + label.text())) return ok();
  TRY(cluster());
  TRY(check_started(label));
  auto key = repository_.layout().manifest(label);
  auto manifest = read_manifest(repository_, label);
  auto readable = TRY(findings_.check(key, manifest));
  if (!readable) return ok();
  findings_.count_object(0);
  TRY(check_wraps(manifest->summary.keys));
  auto own = TRY(check_backup_packs(label, *manifest));
  if (!own) return ok();
  ProvedPacks base;
  if (manifest->summary.parent) {
    const auto& parent = *manifest->summary.parent;
    TRY(check_started(parent));
    auto full = read_manifest(repository_, parent);
    auto full_readable = TRY(findings_.check(repository_.layout().manifest(parent), full));
    if (!full_readable) return ok();
    TRY(check_wraps(full->summary.keys));
    auto proved = TRY(check_backup_packs(parent, *full));
    if (proved) base = *std::move(proved);
  }
  return check_files(label, *own, base);
}

/// nullopt when the file table itself lies in a pack that failed: there is nothing to compare files with.
Result<std::optional<Verifier::ProvedPacks>> Verifier::check_backup_packs(const Label& label,
                                                                          const Manifest& manifest) {
  const auto& packs = manifest.body.packs;
  TRY(check_pack_names(label, manifest));
  ProvedPacks proved;
  std::mutex mutex;
  std::atomic<bool> table_lost{false};
  TRY(in_parallel(packs.size(), [&](size_t i) -> Result<void> {
    auto verifier = TRY(PackVerifier::create(repository_, label, stop_));
    auto frames = verifier.verify(packs[i]);
    auto key = repository_.layout().pack(label, packs[i].name);
    auto whole = TRY(findings_.check(key, frames));
    if (!whole) {
      if (packs[i].key_class == crypto::KeyClass::meta) table_lost = true;
      return ok();
    }
    findings_.count_object(packs[i].size);
    std::lock_guard lock(mutex);
    if (packs[i].key_class == crypto::KeyClass::data) proved.emplace(packs[i].id, *std::move(frames));
    return ok();
  }));
  if (table_lost) return std::optional<ProvedPacks>();
  return std::optional(std::move(proved));
}

/// Packs of the run that wrote the manifest which it does not list would be content that nothing vouches for. What an
/// interrupted run before it has sent in vain may lie there. That run's number is in the names of its file table's
/// packs; a run that was taken up again has left `resumed/`.
Result<void> Verifier::check_pack_names(const Label& label, const Manifest& manifest) {
  std::set<PackName> known;
  std::set<RunId> runs;
  const auto& table = manifest.body.file_table.frames.runs();
  for (const auto& pack : manifest.body.packs) {
    known.insert(pack.name);
    if (!table.empty() && pack.id == table.front().pack) runs.insert(pack.name.run);
  }
  for (const auto& run : runs) TRY(check_resumed(label, run));
  auto prefix = repository_.layout().packs_prefix(label);
  return repository_.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    auto name = PackName::parse(std::string_view(info.key.text()).substr(prefix.size()));
    if (name && runs.contains(name->run) && !known.contains(*name)) {
      findings_.add(info.key.text(), ErrorKind::corrupt, "the manifest does not list this pack of its own run");
    }
    return ok();
  });
}

Result<void> Verifier::check_files(const Label& label, const ProvedPacks& own, const ProvedPacks& base) {
  auto key = repository_.layout().manifest(label);
  auto reader = BackupReader::open(repository_, label);
  auto opened = TRY(findings_.check(key, reader));
  if (!opened) return ok();
  auto frames = TRY((*reader)->frame_reader());
  RestoreRules rules;
  auto read = (*reader)->for_each_file(
      [&](const FileEntry& entry) -> Result<void> {
        TRY(findings_.check(key, rules.add(entry)));
        return check_file(entry, key, *frames, own, base);
      },
      stop_);
  auto whole = TRY(findings_.check(key, read));
  if (!whole) return ok();  // what was not read is not missed twice
  const auto& manifest = (*reader)->manifest();
  TRY(findings_.check(key, rules.finish(manifest.summary, manifest.body.backup_label, manifest.body.tablespace_map)));
  return ok();
}

namespace {

/// The CRC of a run's content from those of its frames; nullopt when a pack failed or frames differ from the claim.
std::optional<uint32_t> combine(uint32_t crc, const FrameRun& run, const std::vector<ProvedFrame>& frames) {
  if (uint64_t{run.first_number} + run.frames() > frames.size()) return std::nullopt;
  for (size_t i = 0; i < run.frames(); ++i) {
    const auto& frame = frames[run.first_number + i];
    if (frame.raw_size != run.raw_size_of(i)) return std::nullopt;
    crc = crc32c_combine(crc, frame.crc32c, frame.raw_size);
  }
  return crc;
}

std::string quoted(std::string_view path) {
  std::string text = "'";
  for (char c : path) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text + "'";
}

}  // namespace

Result<void> Verifier::check_file(const FileEntry& entry, const ObjectKey& manifest_key, FrameReader& reader,
                                  const ProvedPacks& own, const ProvedPacks& base) {
  if (entry.kind != FileKind::file) return ok();
  findings_.count_file();
  std::optional<uint32_t> crc = 0;
  for (const auto& run : entry.content.runs()) {
    const auto& packs = run.source == FrameSource::own ? own : base;
    auto frames = packs.find(run.pack);
    if (frames == packs.end()) {
      findings_.add_file(manifest_key.text(),
                         "file " + quoted(entry.path) + " has content in a damaged or missing pack (id " +
                             std::to_string(run.pack) + ")",
                         quoted(entry.path), entry.size);
      return ok();
    }
    bool whole = run.skip == 0 && run.length == run.raw_bytes();
    if (!whole) {  // a part of a frame: its CRC is not among those of frames
      auto read = reader.read_file(entry, [](uint64_t, ByteView) { return ok(); });
      TRY(findings_.check(manifest_key, read));
      return ok();
    }
    crc = combine(*crc, run, frames->second);
    if (!crc) {
      findings_.add(manifest_key.text(), ErrorKind::corrupt,
                    "file " + quoted(entry.path) + " does not match the frames it names");
      return ok();
    }
  }
  if (entry.crc_known && *crc != entry.crc32c) {
    findings_.add(manifest_key.text(), ErrorKind::corrupt,
                  "file " + quoted(entry.path) + " does not have the CRC-32C that was recorded");
  }
  return ok();
}

Result<void> Verifier::log(const Label& label) {
  auto key = repository_.layout().log(label);
  if (!findings_.first_time(key.text())) return ok();
  auto record = get_log_record(repository_, label);
  auto readable = TRY(findings_.check(key, record));
  if (!readable) return ok();
  findings_.count_object(0);
  TRY(check_wraps(record->keys));
  for (const auto& range : record->ranges) TRY(wal_range(range));
  return ok();
}

Result<void> Verifier::wal_range(const WalRange& range) {
  TRY(check_history(range.timeline));
  if (range.from >= range.to) return ok();
  auto size = repository_.identity().wal_segment_size;
  auto first = SegmentName::containing(range.timeline, range.from, size);
  auto last = SegmentName::ending_at(range.timeline, range.to, size);
  TRY(in_parallel(last.number - first.number + 1, [&](size_t i) {
    SegmentName name{range.timeline, first.number + i};
    return check_segment(name, std::min(name.end(size), range.to));
  }));
  return check_continuity(first, last);
}

/// Each may be whole and yet belong to another history than its neighbour.
Result<void> Verifier::check_continuity(SegmentName first, SegmentName last) {
  WalContinuity continuity;
  auto size = repository_.identity().wal_segment_size;
  for (SegmentName name = first; name <= last; name = name.next()) {
    if (stop_.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    auto meta = archive_.read_meta(name);
    if (!meta && (meta.error().is(ErrorKind::not_found) || meta.error().is(ErrorKind::corrupt))) continue;  // known
    if (!meta) return std::move(meta).error();
    auto found = continuity.add(name, meta->summary.edges);
    if (found)
      findings_.add(repository_.layout().segment(name, size).text(), ErrorKind::corrupt, found->describe(size));
  }
  return ok();
}

Result<void> Verifier::check_history(TimelineId timeline) {
  auto key = repository_.layout().history(timeline);
  if (timeline.value <= 1 || !findings_.first_time(key.text())) return ok();
  auto content = archive_.get_history(timeline);
  auto readable = TRY(findings_.check(key, content));
  if (readable) findings_.count_object(content->size());
  return ok();
}

Result<void> Verifier::check_segment(SegmentName name, Lsn needed_until) {
  auto key = repository_.layout().segment(name, repository_.identity().wal_segment_size);
  auto there = archive_.exists(name);
  auto known = TRY(findings_.check(key, there));
  if (!known) return ok();
  if (*there) return check_wal_object(ObjectType::wal, key);
  auto substitute = has_substitute(name, needed_until);
  known = TRY(findings_.check(key, substitute));
  if (known && !*substitute && findings_.first_time("missing " + key.text())) {
    findings_.add(key.text(), ErrorKind::not_found, "the segment is missing");
  }
  return ok();
}

/// The last segment of a range may be there as parts, or, where its timeline ended, as a .partial file.
Result<bool> Verifier::has_substitute(SegmentName name, Lsn needed_until) {
  auto size = repository_.identity().wal_segment_size;
  auto parts = TRY(archive_.assemble_parts(name));
  if (!parts.empty() && name.start(size).value + parts.size() >= needed_until.value) return true;
  auto partial = archive_.get_file(name.file_name(size) + ".partial");
  if (partial) return name.start(size).value + partial->size() >= needed_until.value;
  if (partial.error().is(ErrorKind::not_found)) return false;
  return std::move(partial).error();
}

Result<void> Verifier::check_wal_object(ObjectType type, const ObjectKey& key) {
  if (!findings_.first_time(key.text())) return ok();
  auto opened = archive_.open_object(type, key);
  auto readable = TRY(findings_.check(key, opened));
  if (!readable) return ok();
  findings_.count_object(opened->content.size());
  if (type == ObjectType::wal && opened->content.size() != repository_.identity().wal_segment_size) {
    findings_.add(key.text(), ErrorKind::corrupt, "it is no whole segment");
  }
  const auto& meta = opened->meta;
  return check_wraps({{opened->data_key, crypto::KeyClass::data, meta.data_wraps},
                      {meta.meta_key, crypto::KeyClass::meta, meta.meta_wraps}});
}

Result<void> Verifier::all_others() {
  constexpr size_t kBatch = 256;
  std::vector<storage::ObjectInfo> batch;
  const auto& base = repository_.layout().base();
  TRY(repository_.store().list(base, "", [&](const storage::ObjectInfo& info) -> Result<void> {
    batch.push_back(info);
    if (batch.size() < kBatch) return ok();
    TRY(check_others(batch));
    batch.clear();
    return ok();
  }));
  return check_others(batch);
}

Result<void> Verifier::check_others(const std::vector<storage::ObjectInfo>& batch) {
  return in_parallel(batch.size(), [&](size_t i) { return check_other(batch[i]); });
}

Result<void> Verifier::check_other(const storage::ObjectInfo& info) {
  const auto& layout = repository_.layout();
  if (info.key.text().starts_with(layout.keys_prefix())) return ok();
  auto type = classify_key(layout, info.key);
  if (!type) {
    findings_.add(info.key.text(), ErrorKind::corrupt, "no object of a repository lies there");
    return ok();
  }
  switch (*type) {
    case ObjectType::wal:
    case ObjectType::wal_part:
    case ObjectType::wal_file:
      return check_wal_object(*type, info.key);
    case ObjectType::history:
    case ObjectType::child:
    case ObjectType::expiring:
    case ObjectType::pin:
    case ObjectType::tombstone:
    case ObjectType::verdict:
    case ObjectType::started: {
      if (!findings_.first_time(info.key.text())) return ok();
      auto content = repository_.get_document(*type, info.key);
      auto readable = TRY(findings_.check(info.key, content));
      if (readable) findings_.count_object(info.size);
      return ok();
    }
    case ObjectType::identity:
    case ObjectType::manifest:
    case ObjectType::log:
    case ObjectType::pack:
    case ObjectType::pack_index:
    case ObjectType::report:
    case ObjectType::change_map:
      return ok();  // read by the steps of their own; packs of unfinished runs prove nothing
  }
  return ok();
}

Result<void> Verifier::chain(const Catalog& catalog) {
  auto found = TRY(check_chain(repository_, catalog, stop_));
  for (auto& finding : found) {
    auto kind = finding.kind == ChainFinding::Kind::missing ? ErrorKind::not_found : ErrorKind::corrupt;
    findings_.add(std::move(finding.key), kind, std::move(finding.what));
  }
  return ok();
}

}  // namespace spendsync::repository
