#include "repository/backup_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <tuple>

#include "base/crc32c.h"
#include "crypto/sealed_stream.h"
#include "repository/marks.h"

namespace spendsync::repository {

namespace {

/// Collects parts into chunks.
class ChunkCutter {
 public:
  void add(const FramePart& part) {
    bool known = is_known(*part.run, part.number());
    uint64_t frame_bytes = known ? 0 : crypto::kFrameOverhead + part.stored_size();
    if (chunks_.empty() || stored_ + frame_bytes > kChunkMax || chunks_.back().size + part.size > kChunkMax) {
      chunks_.push_back({offset_, 0, {}});
      stored_ = 0;
      known_ = {};
      frame_bytes = crypto::kFrameOverhead + part.stored_size();
    }
    auto& chunk = chunks_.back();
    chunk.parts.push_back(part);
    chunk.parts.back().offset = chunk.size;
    chunk.size += part.size;
    offset_ += part.size;
    stored_ += frame_bytes;
    auto& newest = known_[part.run->source == FrameSource::own ? 0 : 1];
    newest = {part.run->pack, part.number(), true};
  }
  std::vector<ContentChunk> take() { return std::move(chunks_); }

 private:
  struct Newest {
    uint32_t pack = 0;
    uint32_t number = 0;
    bool set = false;
  };
  /// Parts of one frame come soon after one another: comparing with the newest of each source is enough.
  bool is_known(const FrameRun& run, uint32_t number) const {
    const auto& newest = known_[run.source == FrameSource::own ? 0 : 1];
    return newest.set && newest.pack == run.pack && newest.number == number;
  }

  std::vector<ContentChunk> chunks_;
  uint64_t offset_ = 0;  // in the file
  uint64_t stored_ = 0;  // by the newest chunk
  std::array<Newest, 2> known_;
};

}  // namespace

std::vector<ContentChunk> split_runs(const FrameRuns& content) {
  ChunkCutter cutter;
  for (const auto& run : content.runs()) {
    FramePart part;
    part.run = &run;
    part.object_offset = run.first_offset;
    uint64_t raw_begin = 0;  // of the frame, in the run
    auto wanted_end = run.skip + run.length;
    for (part.index = 0; part.index < run.frames(); ++part.index) {
      uint64_t raw_end = raw_begin + run.raw_size_of(part.index);
      auto begin = std::max(raw_begin, run.skip);
      auto end = std::min(raw_end, wanted_end);
      if (begin < end) {
        part.skip = static_cast<uint32_t>(begin - raw_begin);
        part.size = static_cast<uint32_t>(end - begin);
        cutter.add(part);
      }
      raw_begin = raw_end;
      part.object_offset += crypto::kFrameOverhead + part.stored_size();
    }
  }
  return cutter.take();
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
  /// A decoded frame of a logical stream. Records and hashes are asked for in about the order in which they lie.
  struct StreamFrame {
    const StreamTable* table = nullptr;
    uint64_t number = 0;
    Bytes bytes;
  };
  static constexpr size_t kStreamFramesKept = 12;
  std::mutex stream_mutex = {};  // guards what follows
  std::unique_ptr<FrameReader> stream_reader = nullptr;
  std::list<StreamFrame> stream_frames = {};  // newest first

  const PackList* packs(FrameSource source) const {
    if (source == FrameSource::own) return &own;
    return base ? &*base : nullptr;
  }
  Result<void> read_stream(const StreamTable& table, std::string_view name, uint64_t offset, MutableBytes out);
  Result<const Bytes*> stream_frame(const StreamTable& table, std::string_view name, uint64_t number);
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
  Bytes raw;                     // a frame of which a part is wanted
  std::list<OpenedPack> opened;  // newest first
  std::vector<const FramePart*> parts;

  Result<void> read(const ContentChunk& chunk, MutableBytes out);
  Result<const PackRecord*> find_pack(const FrameRun& run) const;
  Result<crypto::StreamOpener*> opener_of(const FrameRun& run, const PackRecord& pack);
  using Parts = std::span<const FramePart* const>;
  size_t take_near(Parts rest) const;
  Result<void> read_near(Parts near, const PackRecord& pack, MutableBytes out);
  Result<void> decode_frame(crypto::StreamOpener& opener, Parts of_frame, ByteView bytes, MutableBytes out);
  Result<void> open_frame(crypto::StreamOpener& opener, const FramePart& part, ByteView bytes);
  storage::ObjectKey key_of(FrameSource source, const PackRecord& pack) const {
    return backup.repository.layout().pack(backup.packs(source)->label, pack.name);
  }
};

FrameReader::FrameReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
FrameReader::~FrameReader() = default;

Result<void> FrameReader::read(const ContentChunk& chunk, MutableBytes out, std::string_view file) {
  CHECK(out.size() == chunk.size);
  auto read = state_->read(chunk, out);
  if (!read) return std::move(read).error().with_context("file " + quoted(file));
  return ok();
}

/// In the order in which they lie in the packs; what lies near one another is read at once.
Result<void> FrameReader::State::read(const ContentChunk& chunk, MutableBytes out) {
  parts.clear();
  for (const auto& part : chunk.parts) parts.push_back(&part);
  auto place = [](const FramePart* part) { return std::tuple(part->run->source, part->run->pack, part->number()); };
  std::ranges::stable_sort(parts, {}, place);
  for (Parts rest = parts; !rest.empty();) {
    auto pack = TRY(find_pack(*rest.front()->run));
    auto near = rest.first(take_near(rest));
    auto read = read_near(near, *pack, out);
    if (!read) {
      const auto& label = backup.packs(near.front()->run->source)->label;
      return explain_missing(backup.repository, label,
                             std::move(read).error().with_context("pack " + pack->name.to_string()));
    }
    rest = rest.subspan(near.size());
  }
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
  if (entry.crc_known && crc != entry.crc32c) {
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

namespace {

uint64_t end_of(const FramePart& part) { return part.object_offset + crypto::kFrameOverhead + part.stored_size(); }

}  // namespace

/// How many of them one range read brings. A request costs more than some bytes read in vain.
size_t FrameReader::State::take_near(Parts rest) const {
  constexpr uint64_t kGapMax = 256u << 10;
  const auto& first = *rest.front();
  uint64_t end = end_of(first);
  size_t taken = 1;
  for (; taken < rest.size(); ++taken) {
    const auto& part = *rest[taken];
    bool same_pack = part.run->source == first.run->source && part.run->pack == first.run->pack;
    if (!same_pack || part.object_offset > end + kGapMax) break;
    auto size = end_of(part) - first.object_offset;
    if (part.object_offset >= end && size > 2 * uint64_t{kChunkMax}) break;
    end = std::max(end, end_of(part));
  }
  return taken;
}

Result<void> FrameReader::State::read_near(Parts near, const PackRecord& pack, MutableBytes out) {
  const auto& first = *near.front();
  uint64_t end = 0;
  for (const auto* part : near) {
    if (uint64_t{part->number()} + 1 >= pack.frames)
      return Error(ErrorKind::corrupt, "it lies behind the pack's frames");
    if (part->object_offset < first.object_offset) return Error(ErrorKind::corrupt, "its frames are out of order");
    end = std::max(end, end_of(*part));
  }
  if (end > pack.index_offset) return Error(ErrorKind::corrupt, "its frames reach into the index");
  auto size = end - first.object_offset;
  if (stored.size() < size) stored.resize(size);
  TRY(backup.repository.store().get_range(key_of(first.run->source, pack), first.object_offset,
                                          MutableBytes(stored).first(size)));
  auto opener = TRY(opener_of(*first.run, pack));
  while (!near.empty()) {
    const auto& frame = *near.front();
    size_t parts_of_it = 1;
    while (parts_of_it < near.size() && near[parts_of_it]->number() == frame.number()) ++parts_of_it;
    auto bytes =
        ByteView(stored).subspan(frame.object_offset - first.object_offset, end_of(frame) - frame.object_offset);
    TRY_CONTEXT(decode_frame(*opener, near.first(parts_of_it), bytes, out), fmt::format("frame {}", frame.number()));
    near = near.subspan(parts_of_it);
  }
  return ok();
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

/// Opens a frame into `payload` and proves that it is the one the file table means.
Result<void> FrameReader::State::open_frame(crypto::StreamOpener& opener, const FramePart& part, ByteView bytes) {
  auto opened_frame = TRY(opener.open(part.number(), bytes, payload));
  const auto& header = opened_frame.header;
  bool expected = header.stored_size == part.stored_size() && header.raw_size == part.run->raw_size_of(part.index) &&
                  !header.last && opened_frame.consumed == bytes.size();
  if (!expected) return Error(ErrorKind::corrupt, "it is not the frame that the file table describes");
  return ok();
}

Result<void> FrameReader::State::decode_frame(crypto::StreamOpener& opener, Parts of_frame, ByteView bytes,
                                              MutableBytes out) {
  const auto& first = *of_frame.front();
  for (const auto* part : of_frame) {  // two runs may claim different things of one frame
    bool same = part->object_offset == first.object_offset && part->stored_size() == first.stored_size() &&
                part->run->raw_size_of(part->index) == first.run->raw_size_of(first.index);
    if (!same) return Error(ErrorKind::corrupt, "it is described in two ways");
  }
  auto codec = static_cast<uint8_t>(bytes[8]);  // authenticated by open_frame
  TRY(open_frame(opener, first, bytes));
  auto raw_size = first.run->raw_size_of(first.index);
  if (of_frame.size() == 1 && first.size == raw_size) {
    return decompressor.decode(codec, payload, out.subspan(first.offset, raw_size));
  }
  raw.resize(raw_size);
  TRY(decompressor.decode(codec, payload, raw));
  for (const auto* part : of_frame) std::memcpy(out.data() + part->offset, raw.data() + part->skip, part->size);
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

namespace {

/// The backup was listed a moment ago.
Result<Manifest> read_listed(Repository& repository, const Label& label) {
  auto manifest = read_manifest(repository, label);
  if (!manifest) return explain_missing(repository, label, std::move(manifest).error());
  return manifest;
}

}  // namespace

Result<std::unique_ptr<BackupReader>> BackupReader::open(Repository& repository, const Label& label) {
  auto manifest = TRY(read_listed(repository, label));
  auto name = "manifest of " + label.text();
  TRY_CONTEXT(check_stream(manifest.body.file_table, "files"), name);
  TRY_CONTEXT(check_stream(manifest.body.page_hashes, "pages"), name);
  std::optional<PackList> base;
  if (manifest.summary.parent) {
    auto parent =
        TRY_CONTEXT(read_listed(repository, *manifest.summary.parent), "the full that " + label.text() + " needs");
    base = PackList{parent.summary.label, std::move(parent.body.packs)};
  }
  PackList own{label, manifest.body.packs};
  std::unique_ptr<State> state(new State{repository, std::move(manifest), std::move(own), std::move(base)});
  std::unique_ptr<BackupReader> reader(new BackupReader(std::move(state)));
  reader->state_->stream_reader = TRY(reader->frame_reader());
  return reader;
}

Result<std::unique_ptr<FrameReader>> BackupReader::frame_reader() {
  auto decompressor = TRY(Decompressor::create());
  std::unique_ptr<FrameReader::State> state(
      new FrameReader::State{*state_, std::move(decompressor), {}, {}, {}, {}, {}});
  return std::unique_ptr<FrameReader>(new FrameReader(std::move(state)));
}

Result<void> BackupReader::for_each_file(const std::function<Result<void>(const FileEntry&)>& visit,
                                         std::stop_token stop) {
  return for_each_place([&](const FileEntry& entry, const FileTableParser::Place&) { return visit(entry); },
                        std::move(stop));
}

Result<void> BackupReader::for_each_place(const PlaceVisitor& visit, std::stop_token stop) {
  auto frames = TRY(frame_reader());
  FileTableParser parser;
  auto visit_here = [&](const FileEntry& entry) { return visit(entry, parser.place()); };
  Bytes piece;
  for (const auto& chunk : split_runs(state_->manifest.body.file_table.frames)) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    piece.resize(chunk.size);
    TRY_CONTEXT(frames->read(chunk, piece, "file table"), "backup " + summary().label.text());
    TRY(parser.feed(piece, visit_here));
  }
  TRY_CONTEXT(parser.finish(), "backup " + summary().label.text());
  if (parser.entries() != summary().entries) {
    return Error(ErrorKind::corrupt, "the file table of " + summary().label.text() + " has " +
                                         std::to_string(parser.entries()) + " entries instead of " +
                                         std::to_string(summary().entries));
  }
  return ok();
}

/// One decoded frame of a stream, from the cache if it is there. The caller holds the mutex.
Result<const Bytes*> BackupReader::State::stream_frame(const StreamTable& table, std::string_view name,
                                                       uint64_t number) {
  auto found = std::ranges::find_if(
      stream_frames, [&](const StreamFrame& frame) { return frame.table == &table && frame.number == number; });
  if (found != stream_frames.end()) {
    stream_frames.splice(stream_frames.begin(), stream_frames, found);
    return &stream_frames.front().bytes;
  }
  uint64_t run_begin = 0;
  for (const auto& run : table.frames.runs()) {
    if (number - run_begin >= run.frames()) {
      run_begin += run.frames();
      continue;
    }
    FramePart part;
    part.run = &run;
    part.index = number - run_begin;
    part.object_offset = run.first_offset;
    for (size_t i = 0; i < part.index; ++i) part.object_offset += crypto::kFrameOverhead + run.stored_sizes[i];
    part.size = run.raw_size_of(part.index);
    StreamFrame frame{&table, number, Bytes(part.size)};
    TRY(stream_reader->read({0, part.size, {part}}, frame.bytes, name));
    stream_frames.push_front(std::move(frame));
    if (stream_frames.size() > kStreamFramesKept) stream_frames.pop_back();
    return &stream_frames.front().bytes;
  }
  return Error(ErrorKind::corrupt, "stream " + std::string(name) + " has too few frames");
}

Result<void> BackupReader::State::read_stream(const StreamTable& table, std::string_view name, uint64_t offset,
                                              MutableBytes out) {
  if (out.size() > table.length || offset > table.length - out.size()) {
    return Error(ErrorKind::corrupt, "a part of stream " + std::string(name) + " lies behind its end");
  }
  std::lock_guard lock(stream_mutex);
  for (size_t filled = 0; filled < out.size();) {
    auto at = offset + filled;
    auto frame = TRY(stream_frame(table, name, at / kStreamFrameSize));
    auto skip = at % kStreamFrameSize;
    if (skip >= frame->size()) return Error(ErrorKind::corrupt, "stream " + std::string(name) + " has a short frame");
    auto taken = std::min<uint64_t>(frame->size() - skip, out.size() - filled);
    std::memcpy(out.data() + filled, frame->data() + skip, taken);
    filled += taken;
  }
  return ok();
}

Result<FileEntry> BackupReader::file_at(uint64_t offset, uint64_t length) {
  if (length > kFileRecordMax) return Error(ErrorKind::corrupt, "a file record is longer than any may be");
  Bytes record(length);
  TRY(state_->read_stream(state_->manifest.body.file_table, "files", offset, record));
  return decode_file_entry(record);
}

Result<std::vector<Hash128>> BackupReader::block_hashes(const BlockHashes& where) {
  const auto& table = state_->manifest.body.page_hashes;
  if (where.count > table.length / sizeof(Hash128)) {
    return Error(ErrorKind::corrupt, "more block hashes are claimed than there are");
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
