#include "repository/backup_run.h"

#include <mutex>

#include "base/json.h"
#include "base/time.h"
#include "repository/catalog.h"
#include "repository/manifest_json.h"
#include "repository/pack_presence.h"
#include "repository/pack_sink.h"
#include "repository/record_json.h"
#include "repository/restore_rules.h"
#include "repository/sealed_document.h"
#include "repository/sent_frames.h"
#include "repository/stream_writer.h"

namespace spendsync::repository {

using storage::ObjectKey;

struct BackupRun::State {
  Repository& repository;
  Settings settings;
  std::stop_token stop;
  Label label = Label::make(Timestamp{}, BackupType::full);
  RunId run;
  RunKeys keys;
  std::unique_ptr<SentFrames> sent;  // of the interrupted run, if this one takes it up
  std::shared_ptr<const PageHasher> hasher;
  std::unique_ptr<PackSink> sink;

  std::mutex table_mutex;  // guards what follows
  std::unique_ptr<StreamWriter> file_table;
  std::unique_ptr<StreamWriter> page_hashes;
  Bytes record;  // reused for every entry
  RestoreRules rules;
  uint64_t files = 0;
  uint64_t entries = 0;
  uint64_t source_bytes = 0;

  State(Repository& run_repository, Settings run_settings, std::stop_token run_stop)
      : repository(run_repository), settings(std::move(run_settings)), stop(run_stop) {}

  Result<void> check_parent() const;
  Result<void> check_parent_is_there() const;
  Result<void> take_label();
  Result<void> note_resumption();
  void open_sink();
  Result<void> mark_at_parent();
  Result<void> open_streams();
  std::vector<KeyRecord> key_records() const;
  std::string start_document() const;
  Result<void> expect_restorable(Result<void> judged) const;
  Result<ManifestBody> close_body(ServerFiles files_of_server);
  Result<void> fill_summary(ManifestSummary& summary, const ManifestBody& body) const;
  Result<void> put_manifest(const Bytes& bytes) const;
};

BackupRun::BackupRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackupRun::~BackupRun() { abandon(); }

Result<std::unique_ptr<BackupRun>> BackupRun::begin(Repository& repository, Settings settings, std::stop_token stop) {
  auto state = std::make_unique<State>(repository, std::move(settings), stop);
  TRY(state->check_parent());
  state->keys = TRY(repository.keys().create_pair("backup"));
  state->run = RunId::random(repository.random());
  TRY(state->take_label());
  TRY(state->mark_at_parent());
  state->open_sink();
  TRY(state->open_streams());
  return std::unique_ptr<BackupRun>(new BackupRun(std::move(state)));
}

Result<std::unique_ptr<BackupRun>> BackupRun::resume(Repository& repository, Settings settings,
                                                     InterruptedRun interrupted, std::stop_token stop) {
  auto state = std::make_unique<State>(repository, std::move(settings), stop);
  state->label = interrupted.start().label;
  if (state->label.type() != state->settings.type || interrupted.start().parent != state->settings.parent) {
    return Error(ErrorKind::invalid, state->label.text() + " is an unfinished run of another kind");
  }
  TRY(state->check_parent());
  state->keys = TRY(repository.keys().create_data_key_beside(interrupted.meta_key_.id, "backup taken up again"));
  state->run = RunId::random(repository.random());
  state->sent = std::move(interrupted.sent_);
  TRY(state->note_resumption());
  TRY(state->mark_at_parent());
  state->open_sink();
  TRY(state->open_streams());
  return std::unique_ptr<BackupRun>(new BackupRun(std::move(state)));
}

void BackupRun::State::open_sink() {
  hasher = PageHasher::create(*keys.meta);
  PackSink::Settings sink_settings;
  sink_settings.label = label;
  sink_settings.run = run;
  sink_settings.keys = keys;
  sink_settings.pack_size = settings.pack_size;
  sink_settings.finishers = settings.finishers;
  sink_settings.waiting_max = settings.workers;
  sink_settings.sent = sent.get();
  sink_settings.first_id = sent ? sent->pack_count() : 0;
  sink = std::make_unique<PackSink>(repository, std::move(sink_settings), hasher, stop);
}

Result<void> BackupRun::State::check_parent() const {
  if (settings.type == BackupType::transaction_logs) {
    return Error(ErrorKind::internal, "a transaction-log backup is a log record, not a backup run");
  }
  if ((settings.type == BackupType::incremental) != settings.parent.has_value()) {
    return Error(ErrorKind::internal, "an incremental needs a full to refer to, and nothing else does");
  }
  if (!settings.parent) return ok();
  const auto& layout = repository.layout();
  auto expiring = repository.store().stat(layout.expiring(*settings.parent));
  if (expiring) return Error(ErrorKind::refused, "the full " + settings.parent->text() + " is being expired");
  if (!expiring.error().is(ErrorKind::not_found)) return std::move(expiring).error();
  return check_parent_is_there();
}

/// At the commit: an expiry that began after our mark has seen the mark, and leaves the full alone.
Result<void> BackupRun::State::check_parent_is_there() const {
  if (!settings.parent) return ok();
  const auto& layout = repository.layout();
  auto manifest = repository.store().stat(layout.manifest(*settings.parent));
  if (!manifest && manifest.error().is(ErrorKind::not_found)) {
    return Error(ErrorKind::refused, "there is no full " + settings.parent->text());
  }
  auto info = TRY(std::move(manifest));
  TRY(read_manifest_summary(repository, *settings.parent, info.size));
  return ok();
}

std::vector<KeyRecord> BackupRun::State::key_records() const {
  return {{keys.data->id, crypto::KeyClass::data, keys.data_wraps},
          {keys.meta->id, crypto::KeyClass::meta, keys.meta_wraps}};
}

std::string BackupRun::State::start_document() const {
  return encode_run_start({label, run, settings.host, settings.tool_version, repository.clock().now(), settings.parent,
                           key_records(), settings.lock});
}

/// Before the first pack, so that whoever collects keys knows which ones a live run needs.
Result<void> BackupRun::State::note_resumption() {
  auto content = start_document();
  TRY(repository.put_document({ObjectType::started, repository.layout().resumed(label, run), as_bytes(content)},
                              keys.meta));
  return ok();
}

/// Whoever creates `started` owns the label; the others go on to the next second.
Result<void> BackupRun::State::take_label() {
  label = Label::make(repository.clock().now(), settings.type);
  constexpr int kLabelsTried = 3600;
  for (int i = 0; i < kLabelsTried; ++i, label = label.next()) {
    auto key = repository.layout().started(label);
    auto context = repository.seal_context(ObjectType::started, key);
    auto bytes = TRY(seal_document(context, keys.meta, repository.random(), as_bytes(start_document())));
    auto put = repository.store().put_if_absent(key, bytes);
    if (put) return ok();
    if (!put.error().is(ErrorKind::already_exists)) return std::move(put).error().with_context("writing " + key.text());
    // A repeated put whose first answer was lost finds its own object.
    auto present = repository.store().get(key, kDocumentMax);
    if (present && *present == bytes) return ok();
  }
  return Error(ErrorKind::conflict, "no free label from " + label.text() + " back an hour");
}

/// Mark first, look afterwards; expiry does the same the other way round, so one of the two sees the other.
Result<void> BackupRun::State::mark_at_parent() {
  if (!settings.parent) return ok();
  auto json = Json::object();
  json.set("label", label.text());
  json.set("created", format_utc(repository.clock().now()));
  auto content = json.dump();
  auto key = repository.layout().child(*settings.parent, label);
  auto marked = repository.store().stat(key);  // by the run that this one takes up again
  if (marked) return check_parent();
  TRY(repository.put_document({ObjectType::child, key, as_bytes(content)}, keys.meta));
  return check_parent();
}

Result<void> BackupRun::State::open_streams() {
  file_table = TRY(StreamWriter::create(*sink, settings.compression));
  page_hashes = TRY(StreamWriter::create(*sink, {Codec::none, 0}));  // hashes do not compress
  return ok();
}

const Label& BackupRun::label() const { return state_->label; }
const PageHasher& BackupRun::page_hasher() const { return *state_->hasher; }

Result<std::unique_ptr<FrameWriter>> BackupRun::frame_writer() {
  return FrameWriter::create(*state_->sink, crypto::KeyClass::data, state_->settings.compression);
}

BackupRun::Progress BackupRun::progress() const {
  return {state_->sink->packs_finished(), state_->sink->stored_bytes(),
          state_->sent ? state_->sent->reused_bytes() : 0};
}

Result<void> BackupRun::add_file(FileEntry entry, const Hashes& hashes) {
  State& state = *state_;
  std::lock_guard lock(state.table_mutex);
  CHECK(state.file_table != nullptr);
  TRY(state.expect_restorable(state.rules.add(entry)));
  entry.block_hashes.reset();
  if (!hashes.of_blocks.empty()) {
    entry.block_hashes = BlockHashes{state.page_hashes->length(), hashes.of_blocks.size(), hashes.block_size};
    TRY(state.page_hashes->append(std::as_bytes(hashes.of_blocks)));
  }
  state.record.clear();
  TRY(encode_file_entry(entry, state.record));
  TRY(state.file_table->append(state.record));
  ++state.entries;
  if (entry.kind == FileKind::file) ++state.files;
  state.source_bytes += entry.size;
  return ok();
}

Result<ManifestSummary> BackupRun::commit(ManifestSummary summary, ServerFiles files) {
  State& state = *state_;
  Manifest manifest;
  manifest.body = TRY(state.close_body(std::move(files)));
  TRY(state.expect_restorable(state.rules.finish(summary, manifest.body.backup_label, manifest.body.tablespace_map)));
  // A pack that expiry or a person has taken meanwhile must not be promised.
  TRY(expect_packs(state.repository, state.label, manifest.body.packs, state.stop));
  TRY(state.fill_summary(summary, manifest.body));
  auto catalog = TRY_CONTEXT(Catalog::load(state.repository, state.stop), "reading the catalog");
  summary.chain = TRY_CONTEXT(next_link(state.repository, catalog, state.stop), "extending the chain of records");
  TRY(state.check_parent_is_there());
  manifest.summary = std::move(summary);
  auto bytes = TRY(seal_manifest(state.repository, manifest, state.keys.meta));
  if (state.stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped before the manifest was written");
  TRY(state.put_manifest(bytes));
  remember_newest_seen(state.repository,
                       {manifest.summary.chain.sequence,
                        {state.repository.layout().manifest(state.label).text(), crypto::sha256(bytes)}});
  return std::move(manifest.summary);
}

/// The rules speak of damage, but nothing is damaged yet: it is the source that holds what no restore would take.
Result<void> BackupRun::State::expect_restorable(Result<void> judged) const {
  if (judged || !settings.must_be_restorable) return ok();
  return Error(ErrorKind::refused,
               "no restore would take this backup, so it is not listed: " + judged.error().message())
      .with_hint(
          "remove what is named there from the data directory, and run it again; if it belongs there, report this");
}

Result<ManifestBody> BackupRun::State::close_body(ServerFiles files_of_server) {
  ManifestBody body;
  {
    std::lock_guard lock(table_mutex);
    if (file_table == nullptr) return Error(ErrorKind::internal, "a backup can be committed once only");
    auto table = std::exchange(file_table, nullptr);
    auto hashes = std::exchange(page_hashes, nullptr);
    body.file_table = TRY(table->finish());
    body.page_hashes = TRY(hashes->finish());
  }
  TRY(sink->finish());
  if (sent) body.packs = sent->used_packs();
  auto own = sink->take_records();
  body.packs.insert(body.packs.end(), own.begin(), own.end());
  body.backup_label = std::move(files_of_server.backup_label);
  body.tablespace_map = std::move(files_of_server.tablespace_map);
  return body;
}

Result<void> BackupRun::State::fill_summary(ManifestSummary& summary, const ManifestBody& body) const {
  summary.label = label;
  summary.parent = settings.parent;
  summary.system_identifier = repository.identity().system_identifier;
  summary.host = settings.host;
  summary.tool_version = settings.tool_version;
  summary.keys = key_records();
  summary.files = files;
  summary.entries = entries;
  summary.source_bytes = source_bytes;
  summary.stored_bytes = 0;
  for (const auto& pack : body.packs) summary.stored_bytes += pack.size;
  summary.packs = body.packs.size();
  if (!sent) return ok();
  for (const auto& id : sent->used_keys()) {
    auto wraps = TRY(repository.keys().wraps_of(id));
    summary.keys.push_back({id, crypto::KeyClass::data, std::move(wraps)});
  }
  return ok();
}

Result<void> BackupRun::State::put_manifest(const Bytes& bytes) const {
  auto key = repository.layout().manifest(label);
  auto put = repository.store().put_if_absent(key, bytes);
  if (put) return ok();
  if (!put.error().is(ErrorKind::already_exists)) return std::move(put).error().with_context("writing " + key.text());
  auto present = TRY_CONTEXT(repository.store().get(key, kDocumentMax), "reading " + key.text());
  if (present == bytes) return ok();  // a repeated put whose first answer was lost
  if (repository.get_document(ObjectType::tombstone, key)) {
    return Error(ErrorKind::conflict, "backup " + label.text() + " was collected as unfinished while it ran")
        .with_hint("run it again; it took longer than expiry waits for an unfinished run");
  }
  return Error(ErrorKind::conflict, "another manifest stands at " + key.text())
      .with_hint(
          "another run took this one up and finished first: its backup stands, see spendsync-backup list; for "
          "one of your own: backup full --no-resume");
}

void BackupRun::abandon() {
  if (state_->sink) state_->sink->abandon();
}

}  // namespace spendsync::repository
