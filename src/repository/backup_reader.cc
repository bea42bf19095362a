#include "repository/backup_reader.h"

#include <algorithm>
#include <list>
#include <mutex>

#include "base/crc32c.h"
#include "crypto/sealed_stream.h"

namespace spendsync::repository {

std::vector<ContentChunk> split_runs(const FrameRuns& content) {
  std::vector<ContentChunk> chunks;
  uint64_t file_offset = 0;
  for (const auto& run : content.runs()) {
    uint64_t object_offset = run.first_offset;
    uint64_t raw_begin = 0;  // of the frame, in the run
    auto wanted_end = run.skip + run.length;
    bool open = false;
    uint64_t stored = 0;
    for (size_t i = 0; i < run.frames(); ++i) {
      uint64_t raw_end = raw_begin + run.raw_size_of(i);
      uint64_t frame_bytes = crypto::kFrameOverhead + run.stored_sizes[i];
      auto begin = std::max(raw_begin, run.skip);
      auto end = std::min(raw_end, wanted_end);
      if (begin < end) {
        bool fits = open && stored + frame_bytes <= kChunkMax && chunks.back().size + (end - begin) <= kChunkMax;
        if (!fits) {
          chunks.push_back({file_offset, 0, &run, i, object_offset, 0, begin - raw_begin});
          stored = 0;
          open = true;
        }
        auto& chunk = chunks.back();
        chunk.size += end - begin;
        ++chunk.frames;
        stored += frame_bytes;
        file_offset += end - begin;
      }
      raw_begin = raw_end;
      object_offset += frame_bytes;
    }
  }
  return chunks;
}

/// One backup's packs and where they lie.
struct PackList {
  Label label;
  std::vector<PackRecord> packs;  // ascending by id

  const PackRecord* find(uint32_t id) const {
    auto found = std::lower_bound(packs.begin(), packs.end(), id,
                                  [](const PackRecord& pack, uint32_t wanted) { return pack.id < wanted; });
    return found != packs.end() && found->id == id ? &*found : nullptr;
  }
};

struct BackupReader::State {
  Repository& repository;
  Manifest manifest;
  PackList own;
  std::optional<PackList> base;
  std::mutex stream_mutex;  // guards stream_reader
  std::unique_ptr<FrameReader> stream_reader;

  const PackList* packs(FrameSource source) const {
    if (source == FrameSource::own) return &own;
    return base ? &*base : nullptr;
  }
  Result<void> read_stream(const StreamTable& table, std::string_view name, uint64_t offset, MutableBytes out);
};

namespace {

/// The opener of a pack that was read lately.
struct OpenedPack {
  FrameSource source;
  uint32_t id;
  crypto::StreamOpener opener;
};

std::string quoted(std::string_view file) {
  std::string text = "'";
  for (char c : file) text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return text + "'";
}

}  // namespace

struct FrameReader::State {
  const BackupReader::State& backup;
  Decompressor decompressor;
  Bytes stored;
  Bytes payload;
  Bytes raw;                     // frames of which a part is wanted
  std::list<OpenedPack> opened;  // newest first

  Result<const PackRecord*> find_pack(const FrameRun& run) const;
  Result<crypto::StreamOpener*> opener_of(const FrameRun& run, const PackRecord& pack);
  Result<void> read_stored(const ContentChunk& chunk, const PackRecord& pack);
  Result<size_t> open_frame(crypto::StreamOpener& opener, const ContentChunk& chunk, size_t index, ByteView bytes);
  Result<void> decode_chunk(const ContentChunk& chunk, const PackRecord& pack, MutableBytes out);
  storage::ObjectKey key_of(FrameSource source, const PackRecord& pack) const {
    return backup.repository.layout().pack(backup.packs(source)->label, pack.name);
  }
};

FrameReader::FrameReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FrameReader::~FrameReader() = default;

Result<void> FrameReader::read(const ContentChunk& chunk, MutableBytes out, std::string_view file) {
  CHECK(out.size() == chunk.size && chunk.run != nullptr);
  auto pack = TRY_CONTEXT(state_->find_pack(*chunk.run), "file " + quoted(file));
  auto context = "file " + quoted(file) + ", pack " + pack->name.to_string();
  TRY_CONTEXT(state_->read_stored(chunk, *pack), context);
  TRY_CONTEXT(state_->decode_chunk(chunk, *pack, out), context);
  return ok();
}

Result<std::vector<ContentChunk>> split_content(const FileEntry& entry) {
  if (entry.content.length() != entry.size) {
    return Error(ErrorKind::corrupt, "file " + quoted(entry.path) + " has other content than its size says");
  }
  return split_runs(entry.content);
}

Result<void> FrameReader::read_file(const FileEntry& entry, const ContentVisitor& visit) {
  Bytes buffer;
  uint32_t crc = 0;
  auto chunks = TRY(split_content(entry));
  for (const auto& chunk : chunks) {
    buffer.resize(chunk.size);
    TRY(read(chunk, buffer, entry.path));
    crc = crc32c(crc, buffer);
    TRY(visit(chunk.offset, buffer));
  }
  if (crc != entry.crc32c) {
    return Error(ErrorKind::corrupt, "file " + quoted(entry.path) + " does not have the CRC-32C that was recorded");
  }
  return ok();
}

/// Claims of the file table are checked against the manifest before anything is read by them.
Result<const PackRecord*> FrameReader::State::find_pack(const FrameRun& run) const {
  const auto* packs = backup.packs(run.source);
  const auto* pack = packs == nullptr ? nullptr : packs->find(run.pack);
  if (pack == nullptr) {
    return Error(ErrorKind::corrupt,
                 "it lies in pack " + std::to_string(run.pack) + ", which the manifest does not list");
  }
  if (uint64_t{run.first_number} + run.frames() >= pack->frames) {
    return Error(ErrorKind::corrupt, "it lies behind the frames of pack " + pack->name.to_string());
  }
  return pack;
}

Result<void> FrameReader::State::read_stored(const ContentChunk& chunk, const PackRecord& pack) {
  uint64_t size = 0;
  for (size_t i = 0; i < chunk.frames; ++i) size += crypto::kFrameOverhead + chunk.run->stored_sizes[chunk.first + i];
  if (chunk.object_offset + size > pack.index_offset)
    return Error(ErrorKind::corrupt, "its frames reach into the index");
  if (stored.size() < size) stored.resize(size);
  return backup.repository.store().get_range(key_of(chunk.run->source, pack), chunk.object_offset,
                                             MutableBytes(stored).first(size));
}

Result<crypto::StreamOpener*> FrameReader::State::opener_of(const FrameRun& run, const PackRecord& pack) {
  constexpr size_t kOpenedMax = 16;
  auto found = std::find_if(opened.begin(), opened.end(),
                            [&](const auto& entry) { return entry.source == run.source && entry.id == pack.id; });
  if (found != opened.end()) {
    opened.splice(opened.begin(), opened, found);
    return &opened.front().opener;
  }
  auto& repository = backup.repository;
  auto key = key_of(run.source, pack);
  std::array<std::byte, crypto::kStreamHeaderSize> header;
  TRY(repository.store().get_range(key, 0, header));
  auto data_key = TRY(repository.key_of(header, key));
  if (data_key->key_class != pack.key_class)
    return Error(ErrorKind::corrupt, "it is sealed under a key of another class");
  auto opener = TRY(crypto::StreamOpener::create(repository.seal_context(ObjectType::pack, key), data_key, header));
  opened.push_front({run.source, pack.id, std::move(opener)});
  if (opened.size() > kOpenedMax) opened.pop_back();
  return &opened.front().opener;
}

/// Opens a frame into `payload` and proves that it is the one the file table means. Returns its size in the pack.
Result<size_t> FrameReader::State::open_frame(crypto::StreamOpener& opener, const ContentChunk& chunk, size_t index,
                                              ByteView bytes) {
  const auto& run = *chunk.run;
  auto opened_frame = TRY(opener.open(run.first_number + index, bytes, payload));
  const auto& header = opened_frame.header;
  bool expected =
      header.stored_size == run.stored_sizes[index] && header.raw_size == run.raw_size_of(index) && !header.last;
  if (!expected) return Error(ErrorKind::corrupt, "it is not the frame that the file table describes");
  return opened_frame.consumed;
}

Result<void> FrameReader::State::decode_chunk(const ContentChunk& chunk, const PackRecord& pack, MutableBytes out) {
  auto opener = TRY(opener_of(*chunk.run, pack));
  ByteView rest = stored;
  size_t filled = 0;
  for (size_t i = 0; i < chunk.frames; ++i) {
    auto index = chunk.first + i;
    auto context = "frame " + std::to_string(chunk.run->first_number + index);
    auto codec = static_cast<uint8_t>(rest[8]);  // authenticated by open_frame below
    auto consumed = TRY_CONTEXT(open_frame(*opener, chunk, index, rest), context);
    rest = rest.subspan(consumed);
    auto raw_size = chunk.run->raw_size_of(index);
    auto skip = i == 0 ? chunk.skip : 0;
    auto wanted = std::min<uint64_t>(raw_size - skip, out.size() - filled);
    auto part = out.subspan(filled, wanted);
    if (wanted == raw_size) {
      TRY_CONTEXT(decompressor.decode(codec, payload, part), context);
    } else {
      raw.resize(raw_size);
      TRY_CONTEXT(decompressor.decode(codec, payload, raw), context);
      std::memcpy(part.data(), raw.data() + skip, wanted);
    }
    filled += wanted;
  }
  if (filled != out.size()) return Error(ErrorKind::corrupt, "its frames hold fewer bytes than they should");
  return ok();
}

BackupReader::BackupReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
BackupReader::~BackupReader() = default;
const Manifest& BackupReader::manifest() const { return state_->manifest; }

namespace {

/// Random access relies on it: every frame of a stream but its last is full.
Result<void> check_stream(const StreamTable& table, std::string_view name) {
  uint64_t frames_left = table.frames.frames();
  for (const auto& run : table.frames.runs()) {
    for (size_t i = 0; i < run.frames(); ++i) {
      bool last = --frames_left == 0;
      auto raw_size = run.raw_size_of(i);
      bool good =
          run.source == FrameSource::own && (raw_size == kStreamFrameSize || (last && raw_size < kStreamFrameSize));
      if (!good)
        return Error(ErrorKind::corrupt, "the frames of stream " + std::string(name) + " are of the wrong size");
    }
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<BackupReader>> BackupReader::open(Repository& repository, const Label& label) {
  auto manifest = TRY(read_manifest(repository, label));
  auto name = "manifest of " + label.text();
  TRY_CONTEXT(check_stream(manifest.body.file_table, "files"), name);
  TRY_CONTEXT(check_stream(manifest.body.page_hashes, "pages"), name);
  std::optional<PackList> base;
  if (manifest.summary.parent) {
    auto parent =
        TRY_CONTEXT(read_manifest(repository, *manifest.summary.parent), "the full that " + label.text() + " needs");
    base = PackList{parent.summary.label, std::move(parent.body.packs)};
  }
  PackList own{label, manifest.body.packs};
  std::unique_ptr<State> state(
      new State{repository, std::move(manifest), std::move(own), std::move(base), {}, nullptr});
  std::unique_ptr<BackupReader> reader(new BackupReader(std::move(state)));
  reader->state_->stream_reader = TRY(reader->frame_reader());
  return reader;
}

Result<std::unique_ptr<FrameReader>> BackupReader::frame_reader() {
  auto decompressor = TRY(Decompressor::create());
  std::unique_ptr<FrameReader::State> state(new FrameReader::State{*state_, std::move(decompressor), {}, {}, {}, {}});
  return std::unique_ptr<FrameReader>(new FrameReader(std::move(state)));
}

Result<void> BackupReader::for_each_file(const std::function<Result<void>(const FileEntry&)>& visit,
                                         std::stop_token stop) {
  auto frames = TRY(frame_reader());
  FileTableParser parser;
  Bytes piece;
  for (const auto& chunk : split_runs(state_->manifest.body.file_table.frames)) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    piece.resize(chunk.size);
    TRY_CONTEXT(frames->read(chunk, piece, "file table"), "backup " + summary().label.text());
    TRY(parser.feed(piece, visit));
  }
  TRY_CONTEXT(parser.finish(), "backup " + summary().label.text());
  if (parser.entries() != summary().entries) {
    return Error(ErrorKind::corrupt, "the file table of " + summary().label.text() + " has " +
                                         std::to_string(parser.entries()) + " entries instead of " +
                                         std::to_string(summary().entries));
  }
  return ok();
}

Result<void> BackupReader::State::read_stream(const StreamTable& table, std::string_view name, uint64_t offset,
                                              MutableBytes out) {
  if (out.size() > table.length || offset > table.length - out.size()) {
    return Error(ErrorKind::corrupt, "a part of stream " + std::string(name) + " lies behind its end");
  }
  std::lock_guard lock(stream_mutex);
  uint64_t run_begin = 0;
  size_t filled = 0;
  Bytes frame;
  for (const auto& run : table.frames.runs()) {
    auto run_end = run_begin + run.length;
    while (filled < out.size() && offset + filled < run_end) {
      auto inside = offset + filled - run_begin;
      ContentChunk chunk;
      chunk.run = &run;
      chunk.first = inside / kStreamFrameSize;
      chunk.frames = 1;
      chunk.object_offset = run.first_offset;
      for (size_t i = 0; i < chunk.first; ++i) chunk.object_offset += crypto::kFrameOverhead + run.stored_sizes[i];
      chunk.size = run.raw_size_of(chunk.first);
      frame.resize(chunk.size);
      TRY(stream_reader->read(chunk, frame, name));
      auto skip = inside % kStreamFrameSize;
      auto taken = std::min<uint64_t>(frame.size() - skip, out.size() - filled);
      std::memcpy(out.data() + filled, frame.data() + skip, taken);
      filled += taken;
    }
    run_begin = run_end;
  }
  return ok();
}

Result<std::vector<Hash128>> BackupReader::page_hashes(const PageHashes& where) {
  const auto& table = state_->manifest.body.page_hashes;
  if (where.count > table.length / sizeof(Hash128)) {
    return Error(ErrorKind::corrupt, "more page hashes are claimed than there are");
  }
  std::vector<Hash128> hashes(where.count);
  TRY(state_->read_stream(table, "pages", where.offset, std::as_writable_bytes(std::span(hashes))));
  return hashes;
}

Result<std::shared_ptr<const PageHasher>> BackupReader::page_hasher() {
  for (const auto& key : summary().keys) {
    if (key.key_class != crypto::KeyClass::meta) continue;
    auto meta_key = TRY(state_->repository.keys().find(key.id));
    return PageHasher::create(*meta_key);
  }
  return Error(ErrorKind::corrupt, "the manifest of " + summary().label.text() + " names no meta key");
}

}  // namespace spendsync::repository
