#include "repository/sent_frames.h"

#include <algorithm>

#include "repository/pack_verifier.h"
#include "repository/sealed_document.h"

namespace spendsync::repository {
namespace {

uint64_t first_bytes(const Hash128& hash) {
  uint64_t value = 0;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

/// Whether this is wrong with one object and not with the store: it is sent again, and nothing is lost.
bool leaves_out(const Error& error) {
  return error.is(ErrorKind::corrupt) || error.is(ErrorKind::not_found) || error.is(ErrorKind::unsupported);
}

}  // namespace

Result<std::unique_ptr<SentFrames>> SentFrames::load(Repository& repository, const Label& label,
                                                     const crypto::KeyId& meta_key, Settings settings,
                                                     std::stop_token stop) {
  struct Listed {
    PackName name;
    uint64_t size = 0;
  };
  std::unique_ptr<SentFrames> sent(new SentFrames(repository, label, stop));
  auto prefix = repository.layout().packs_prefix(label);
  std::vector<Listed> listed;
  TRY(repository.store().list(prefix, "", [&](const storage::ObjectInfo& info) {
    auto name = PackName::parse(std::string_view(info.key.text()).substr(prefix.size()));
    if (name) listed.push_back({*name, info.size});
    return ok();
  }));
  for (const auto& pack : listed) {
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "stopped");
    TRY(sent->add_pack(pack.name, pack.size, meta_key, settings.frames_max));
  }
  sent->forget_repeated_contents();
  return sent;
}

Result<void> SentFrames::add_pack(const PackName& name, uint64_t size, const crypto::KeyId& meta_key,
                                  size_t frames_max) {
  auto read = read_index(name, size, &meta_key);
  if (!read && leaves_out(read.error())) {
    repository_.log().warning("a pack of the interrupted run is not used again",
                              {{"pack", name.to_string()}, {"why", read.error().message()}});
    ++found_.packs_unreadable;
    return ok();
  }
  auto index = TRY(std::move(read));
  if (index.key_class != crypto::KeyClass::data) return ok();  // the tables are written anew
  if (entries_.size() + index.frames.size() > frames_max) {
    ++found_.packs_beyond;
    return ok();
  }
  auto pack = std::make_unique<Pack>();
  pack->record.id = pack_count();
  pack->record.name = name;
  pack->record.key_class = index.key_class;
  pack->record.size = size;
  pack->record.index_offset = index.stream_bytes;
  pack->record.frames = static_cast<uint32_t>(index.frames.size() + 1);
  pack->record.tags = index.tags;
  for (uint32_t number = 0; number < index.frames.size(); ++number) {
    entries_.push_back({first_bytes(index.frames[number].hash), pack->record.id, number});
    found_.raw_bytes += index.frames[number].raw_size;
  }
  ++found_.packs;
  found_.frames += index.frames.size();
  found_.stored_bytes += size;
  packs_.push_back(std::move(pack));
  return ok();
}

void SentFrames::forget_repeated_contents() {
  std::sort(entries_.begin(), entries_.end());
  size_t kept = 0;
  for (const auto& entry : entries_) {
    if (kept >= kSameHashMax && entries_[kept - kSameHashMax].hash == entry.hash) continue;
    entries_[kept++] = entry;
  }
  entries_.resize(kept);
}

/// With `meta_key`: corrupt where the index is sealed under another one, since its hashes then compare with nothing.
Result<PackIndex> SentFrames::read_index(const PackName& name, uint64_t size, const crypto::KeyId* meta_key) {
  constexpr uint64_t kTail = 64u << 10;  // holds the index of about two thousand frames
  constexpr uint64_t kIndexPartMax = kPackIndexMax + kTail;
  auto key = repository_.layout().pack(label_, name);
  if (size < kPackTrailerSize) return Error(ErrorKind::corrupt, "it is too short");
  Bytes tail(static_cast<size_t>(std::min(size, kTail)));
  TRY(repository_.store().get_range(key, size - tail.size(), tail));
  auto offset = TRY(decode_pack_trailer(ByteView(tail).last(kPackTrailerSize)));
  if (offset > size - kPackTrailerSize || size - offset > kIndexPartMax) {
    return Error(ErrorKind::corrupt, "its trailer names an impossible place for the index");
  }
  if (size - offset > tail.size()) {
    tail.resize(static_cast<size_t>(size - offset));
    TRY(repository_.store().get_range(key, offset, tail));
  }
  auto sealed = ByteView(tail).last(static_cast<size_t>(size - offset));
  sealed = sealed.first(sealed.size() - kPackTrailerSize);
  auto header = TRY(crypto::read_stream_header(sealed));
  if (meta_key != nullptr && header.key_id != *meta_key) {
    return Error(ErrorKind::corrupt, "its index is sealed under another key than the run's");
  }
  auto index_key = TRY(repository_.key_of(sealed, key));
  auto context = repository_.seal_context(ObjectType::pack_index, key);
  auto content = TRY(open_document(context, index_key, sealed, kPackIndexMax));
  auto index = TRY(decode_pack_index(content));
  if (index.name != name || index.stream_bytes != offset) {
    return Error(ErrorKind::corrupt, "its index describes another pack");
  }
  return index;
}

Result<std::optional<FrameRef>> SentFrames::find(const Hash128& hash, uint32_t raw_size) {
  const auto wanted = first_bytes(hash);
  auto entry = std::lower_bound(entries_.begin(), entries_.end(), Entry{wanted, 0, 0});
  for (; entry != entries_.end() && entry->hash == wanted; ++entry) {
    auto& pack = *packs_[entry->pack];
    auto read = frames_of(entry->pack);
    if (!read && leaves_out(read.error())) continue;  // it went after load()
    auto frames = TRY(std::move(read));
    if (entry->number >= frames->size()) continue;
    const auto& frame = (*frames)[entry->number];
    if (frame.indexed.hash != hash || frame.indexed.raw_size != raw_size) continue;
    bool whole = TRY(take(pack));
    if (!whole) continue;
    reused_bytes_.fetch_add(frame.indexed.stored_size, std::memory_order_relaxed);
    return std::optional(
        FrameRef{FrameSource::own, entry->pack, entry->number, frame.offset, frame.indexed.stored_size, raw_size});
  }
  return std::optional<FrameRef>();
}

/// Frames come back about in the order in which they were sent, so a few indexes at a time are enough.
Result<std::shared_ptr<const SentFrames::Frames>> SentFrames::frames_of(uint32_t pack) {
  std::lock_guard lock(cache_mutex_);
  auto cached = cache_.find(pack);
  if (cached != cache_.end()) return cached->second;
  const auto& record = packs_[pack]->record;
  auto index = TRY(read_index(record.name, record.size, nullptr));
  auto frames = std::make_shared<Frames>();
  uint64_t offset = crypto::kStreamHeaderSize;
  for (const auto& indexed : index.frames) {
    frames->push_back({indexed, offset});
    offset += crypto::kFrameOverhead + indexed.stored_size;
  }
  if (cached_.size() == kIndexesKept) {
    cache_.erase(cached_.front());
    cached_.pop_front();
  }
  cached_.push_back(pack);
  return cache_.emplace(pack, std::move(frames)).first->second;
}

/// Whether the pack is whole; then it counts as used.
Result<bool> SentFrames::take(Pack& pack) {
  std::lock_guard lock(pack.mutex);
  if (pack.state == Pack::State::unknown) pack.state = TRY(prove(pack));
  if (pack.state == Pack::State::whole) pack.used = true;
  return pack.state == Pack::State::whole;
}

Result<SentFrames::Pack::State> SentFrames::prove(Pack& pack) {
  auto judge = [&]() -> Result<void> {
    Bytes header(crypto::kStreamHeaderSize);
    TRY(repository_.store().get_range(repository_.layout().pack(label_, pack.record.name), 0, header));
    auto stream = TRY(crypto::read_stream_header(header));
    pack.data_key = stream.key_id;
    auto verifier = TRY(PackVerifier::create(repository_, label_, stop_));
    TRY(verifier.verify(pack.record));
    return ok();
  };
  auto judged = judge();
  if (judged) return Pack::State::whole;
  // What may not be read is not proved, and what is not proved is sent again.
  if (!leaves_out(judged.error()) && !judged.error().is(ErrorKind::denied)) {
    return std::move(judged).error().with_context("reading pack " + pack.record.name.to_string());
  }
  repository_.log().warning("a pack of the interrupted run cannot be proved whole; what it held is sent again",
                            {{"pack", pack.record.name.to_string()}, {"why", judged.error().message()}});
  return Pack::State::unproved;
}

std::vector<PackRecord> SentFrames::used_packs() const {
  std::vector<PackRecord> used;
  for (const auto& pack : packs_) {
    std::lock_guard lock(pack->mutex);
    if (pack->used) used.push_back(pack->record);
  }
  return used;
}

std::vector<crypto::KeyId> SentFrames::used_keys() const {
  std::set<crypto::KeyId> keys;
  for (const auto& pack : packs_) {
    std::lock_guard lock(pack->mutex);
    if (pack->used) keys.insert(pack->data_key);
  }
  return {keys.begin(), keys.end()};
}

}  // namespace spendsync::repository
